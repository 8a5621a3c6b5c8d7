"""The tree, against RFC 6962's own definition and its reference implementation's vectors."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.eventstore.merkle import Frontier, data_hash, interior_hash, leaf_hash
from bursar.eventstore.proof.stretches import grown
from bursar.eventstore.records import Record

hashes = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1)
records = st.builds(
    Record,
    position=numbers,
    kind=st.sampled_from(["fact", "decision"]) | texts,
    type=texts,
    version=numbers,
    subject=texts,
    at=numbers,
    cause=st.none() | st.just(0) | numbers,
    correlation=numbers,
    actor=texts,
    data=texts,
)
SALT = bytes(range(16))


def leaf_of(record: Record, salt: bytes = SALT) -> bytes:
    return leaf_hash(*record[:-1], data_hash(salt, record.data or ""))


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, as it is written there, over leaves that are hashed already."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return interior_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


@given(st.lists(hashes, max_size=70))
def test_the_root_is_the_one_of_the_definition(leaves: list[bytes]) -> None:
    frontier = Frontier.of(leaves)
    assert frontier.root() == tree_hash(leaves)
    assert frontier.size == len(leaves)


@given(st.lists(hashes, max_size=40), st.lists(hashes, max_size=40))
def test_a_frontier_that_was_put_away_goes_on_as_if_it_had_not_been(a: list[bytes], b: list[bytes]) -> None:
    kept = Frontier.of(a)
    restored = Frontier.restored(kept.size, kept.packed())
    restored.extend(b)
    assert restored.root() == tree_hash(a + b)


@given(st.integers(-3, 300), st.integers(0, 9))
def test_a_frontier_has_one_subtree_for_each_bit_of_its_size(size: int, subtrees: int) -> None:
    packed = bytes(32 * subtrees)
    if size >= 0 and size.bit_count() == subtrees:
        assert Frontier.restored(size, packed).packed() == packed
    else:
        with pytest.raises(ValueError, match="are not the subtrees"):
            Frontier.restored(size, packed)


def test_the_roots_are_those_of_certificate_transparency() -> None:
    entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    leaves = [sha256(b"\0" + bytes.fromhex(entry)).digest() for entry in entries]
    assert [Frontier.of(leaves[:size]).root().hex() for size in range(9)] == roots


@given(records, records)
def test_two_events_that_differ_have_different_leaves(one: Record, other: Record) -> None:
    assert (leaf_of(one) == leaf_of(other)) == (one == other)


@given(records, st.sampled_from(Record._fields), st.data())
def test_every_column_is_in_the_leaf(record: Record, column: str, data: st.DataObject) -> None:
    other = data.draw(records)
    changed = record._replace(**{column: getattr(other, column)})
    assert (leaf_of(record) == leaf_of(changed)) == (record == changed)


@given(records, st.binary(min_size=16, max_size=16))
def test_who_does_not_know_the_salt_cannot_guess_the_data(record: Record, salt: bytes) -> None:
    assert (leaf_of(record, salt) == leaf_of(record)) == (salt == SALT)


@given(records, st.integers(1, 5))
def test_a_text_cannot_be_moved_to_the_column_beside_it(record: Record, length: int) -> None:
    moved = record._replace(subject=record.subject + record.actor[:length], actor=record.actor[length:])
    assert (leaf_of(record) == leaf_of(moved)) == (record == moved)


def test_the_encoding_stays_what_it_was() -> None:
    record = Record(17, "decision", "ModelLoadStarted", 1, "model/ä", 10**18, 16, 15, "bursar", '{"n":1}')
    assert leaf_of(record).hex() == "a6dbef4803ee4b9b7840531794e48c3675e6caca7615d4920fadf92511f02f9a"


@given(st.lists(hashes, max_size=70), st.lists(hashes, max_size=70))
def test_many_leaves_at_once_are_many_leaves_one_by_one(before: list[bytes], leaves: list[bytes]) -> None:
    tree = grown(Frontier.of(before), leaves)
    assert (tree.size, tree.packed()) == (
        len(before) + len(leaves),
        Frontier.of([*before, *leaves]).packed(),
    )
