"""Paths through the tree, against RFC 9162's definitions and Certificate Transparency's vectors."""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.eventstore.merkle import Frontier, interior_hash
from bursar.eventstore.proof.proofs import consistency_path, extends, includes, inclusion_path

ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
VECTOR = tuple(sha256(b"\0" + bytes.fromhex(entry)).digest() for entry in ENTRIES)
LEAVES = tuple(sha256(b"\0%d" % number).digest() for number in range(200))


@cache
def tree_hash(leaves: tuple[bytes, ...]) -> bytes:
    """MTH of RFC 6962 §2.1, over leaves that are hashed already."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return interior_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def path(m: int, leaves: tuple[bytes, ...]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), tree_hash(leaves[k:])]
    return [*path(m - k, leaves[k:]), tree_hash(leaves[:k])]


def subproof(m: int, leaves: tuple[bytes, ...], *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1; PROOF begins with a known old root."""
    if m == len(leaves):
        return [] if known else [tree_hash(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known=known), tree_hash(leaves[k:])]
    return [*subproof(m - k, leaves[k:], known=False), tree_hash(leaves[:k])]


def split(leaves: int) -> int:
    """The largest power of two below their number."""
    k = 1
    while 2 * k < leaves:
        k *= 2
    return k


def stretch(first: int, end: int) -> bytes:
    return tree_hash(LEAVES[first:end])


def root(size: int) -> bytes:
    return tree_hash(LEAVES[:size])


def test_every_leaf_of_every_tree_is_proved_by_the_path_of_the_definition() -> None:
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            found = inclusion_path(index, size, stretch)
            assert includes(LEAVES[index], index, size, found, root(size)), (index, size)
            if size <= 50 or size % 29 == 0:
                assert found == path(index, LEAVES[:size]), (index, size)


def test_every_beginning_of_every_tree_is_proved_by_the_path_of_the_definition() -> None:
    for size in range(1, 65):
        for old in range(1, size + 1):
            found = consistency_path(old, size, stretch)
            assert found == subproof(old, LEAVES[:size], known=True), (old, size)
            assert extends(old, root(old), size, root(size), found), (old, size)


sizes = st.integers(1, len(LEAVES))


@given(sizes, st.data())
def test_nothing_else_is_proved(size: int, data: st.DataObject) -> None:
    """Any changed byte, one hash more or less, another leaf, place, size or root: no proof."""
    index = data.draw(st.integers(0, size - 1))
    found = inclusion_path(index, size, stretch)
    changed = data.draw(changes(found))
    assert not includes(LEAVES[index], index, size, changed, root(size))
    other = data.draw(st.integers(-1, size + 1).filter(lambda place: place != index))
    assert not includes(LEAVES[index], other, size, found, root(size))
    assert not includes(flipped(LEAVES[index], data), index, size, found, root(size))
    assert not includes(LEAVES[index], index, size, found, flipped(root(size), data))


@given(sizes, st.data())
def test_no_other_beginning_is_proved(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    found = consistency_path(old, size, stretch)
    assert not extends(old, root(old), size, root(size), data.draw(changes(found)))
    assert not extends(old, flipped(root(old), data), size, root(size), found)
    assert not extends(old, root(old), size, flipped(root(size), data), found)
    assert not extends(0, root(old), size, root(size), found)
    assert not extends(size + 1, root(old), size, root(size), found)


def changes(found: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    """The path with a byte changed, or a hash more, or one less."""
    longer = st.binary(min_size=32, max_size=32).map(lambda more: [*found, more])
    if not found:
        return longer
    shorter = st.integers(0, len(found) - 1).map(lambda at: found[:at] + found[at + 1 :])
    places = st.tuples(st.integers(0, len(found) - 1), st.integers(0, 31), st.integers(1, 255))
    return longer | shorter | places.map(lambda place: with_change(found, *place))


def with_change(found: list[bytes], at: int, byte: int, change: int) -> list[bytes]:
    node = bytearray(found[at])
    node[byte] ^= change
    return [*found[:at], bytes(node), *found[at + 1 :]]


def flipped(node: bytes, data: st.DataObject) -> bytes:
    return with_change([node], 0, data.draw(st.integers(0, 31)), 1 << data.draw(st.integers(0, 7)))[0]


def test_the_paths_are_those_of_certificate_transparency() -> None:
    def of(first: int, end: int) -> bytes:
        return Frontier.of(VECTOR[first:end]).root()

    def hexed(nodes: list[bytes]) -> list[str]:
        return [node.hex()[:16] for node in nodes]

    assert hexed(inclusion_path(0, 1, of)) == []
    assert hexed(inclusion_path(0, 8, of)) == ["96a296d224f285c6", "5f083f0a1a33ca07", "6b47aaf29ee3c2af"]
    assert hexed(inclusion_path(5, 8, of)) == ["bc1a0643b12e4d2d", "ca854ea128ed050b", "d37ee418976dd957"]
    assert hexed(inclusion_path(2, 3, of)) == ["fac54203e7cc696c"]
    assert hexed(inclusion_path(1, 5, of)) == ["6e340b9cffb37a98", "5f083f0a1a33ca07", "bc1a0643b12e4d2d"]
    assert hexed(consistency_path(1, 8, of)) == ["96a296d224f285c6", "5f083f0a1a33ca07", "6b47aaf29ee3c2af"]
    assert hexed(consistency_path(6, 8, of)) == ["0ebc5d3437fbe2db", "ca854ea128ed050b", "d37ee418976dd957"]
    assert hexed(consistency_path(2, 5, of)) == ["5f083f0a1a33ca07", "bc1a0643b12e4d2d"]


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not among"):
        inclusion_path(index, size, stretch)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3)])
def test_what_is_no_beginning_has_no_path(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="are not a beginning"):
        consistency_path(old, size, stretch)
