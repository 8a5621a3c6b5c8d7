"""What is packed is got as it was put, takes less room, and is found where it is."""

import hashlib
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.eventstore.bodies.blocks import BYTES_MAX, TEXTS_MAX, cut, join, split
from bursar.eventstore.bodies.frames import SIZE_MAX
from bursar.eventstore.bodies.packing import Packed, Unpacked
from bursar.eventstore.bodies.store import BodyStore

from ...bodies.texts import message, sql
from .kept import blobs, rows, trace

TEXTS = [message(seed).encode() for seed in range(40)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def store(journal: Path) -> BodyStore:
    return BodyStore.open(journal)


def digest(texts: list[bytes]) -> str:
    return hashlib.sha256(b"".join(len(text).to_bytes(8) + text for text in texts)).hexdigest()


@given(st.lists(st.binary(max_size=20) | st.text("\0\1\2a", max_size=9).map(str.encode), min_size=1))
def test_texts_that_were_joined_are_parted_where_they_were(texts: list[bytes]) -> None:
    assert split(join(texts), len(texts)) == texts


@given(st.lists(st.integers(0, SIZE_MAX) | st.integers(0, 50_000), max_size=60))
def test_a_block_has_no_more_texts_or_bytes_than_it_may_unless_it_is_one(sizes: list[int]) -> None:
    parts = [sizes[part] for part in cut(sizes)]
    assert [size for part in parts for size in part] == sizes
    assert all(len(part) == 1 or (len(part) <= TEXTS_MAX and sum(part) <= BYTES_MAX) for part in parts)
    assert all(parts)
    for part, following in pairwise(parts):
        assert len(part) == TEXTS_MAX or sum(part) + following[0] > BYTES_MAX


def test_single_rows_become_blocks_of_sixteen_and_rows_again(store: BodyStore, journal: Path) -> None:
    addresses = store.put_many("ann", TEXTS)
    packed = store.pack("ann", addresses)
    assert (packed.messages, packed.blocks, packed.lost) == (40, 3, ())
    assert packed.before == sum(map(len, TEXTS)) > 2 * packed.after
    assert packed.digest == digest(TEXTS)
    assert rows(journal) == (0, 3, 40)
    assert sql(blobs(journal), "SELECT sum(length(body) + 12) FROM block") == [(packed.after,)]
    assert store.get_many("ann", addresses) == TEXTS
    assert [store.get("ann", address) for address in reversed(addresses)] == TEXTS[::-1]
    assert store.unpack("ann") == Unpacked(40, packed.before, ())
    assert rows(journal) == (40, 0, 0)
    assert store.get_many("ann", addresses) == TEXTS
    assert store.unpack("ann") == Unpacked(0, 0, ())


def test_packing_again_says_the_same_and_takes_in_what_is_new(store: BodyStore, journal: Path) -> None:
    addresses = store.put_many("ann", TEXTS[:20])
    first = store.pack("ann", addresses)
    assert store.pack("ann", addresses) == first
    assert store.pack("ann", [*addresses, addresses[3]]).digest == digest([*TEXTS[:20], TEXTS[3]])
    addresses += store.put_many("ann", TEXTS[20:])
    assert store.put_many("ann", TEXTS) == addresses
    assert rows(journal) == (20, 2, 20)
    both = store.pack("ann", addresses)
    assert (both.messages, both.blocks, both.digest) == (40, 4, digest(TEXTS))
    assert rows(journal) == (0, 4, 40)


def test_what_is_not_worth_it_is_left_alone_and_said(store: BodyStore, journal: Path) -> None:
    noise = [os.urandom(200) for _ in range(20)]
    addresses = store.put_many("ann", noise)
    packed = store.pack("ann", addresses, ratio_per_mille=700)
    assert (packed.before, packed.messages, packed.blocks, packed.digest) == (4000, 20, 0, "")
    assert packed.after > 4000
    assert rows(journal) == (20, 0, 0)
    addresses = store.put_many("bob", TEXTS)
    reached = store.pack("bob", addresses, ratio_per_mille=1000)
    store.unpack("bob")
    exact = -(-reached.after * 1000 // reached.before)
    assert store.pack("bob", addresses, ratio_per_mille=exact - 1).blocks == 0
    assert store.pack("bob", addresses, ratio_per_mille=exact) == reached


def test_what_is_not_there_is_named_and_the_others_are_packed(store: BodyStore, journal: Path) -> None:
    addresses = store.put_many("ann", TEXTS[:5])
    sql(blobs(journal), "UPDATE blob SET body = zeroblob(40) WHERE address = ?", bytes.fromhex(addresses[2]))
    packed = store.pack("ann", [*addresses, "00" * 32, "no address"])
    assert packed.lost == (addresses[2], "00" * 32, "no address")
    assert (packed.messages, packed.blocks) == (4, 1)
    assert store.pack("nobody", ["00" * 32]) == Packed(0, 0, 0, 0, "", ("00" * 32,))
    assert store.get_many("ann", [*addresses, "x"]) == [*TEXTS[:2], None, *TEXTS[3:5], None]


@pytest.mark.parametrize("level", [1, 3, 9, 19])
def test_any_sizes_come_back_from_any_level(store: BodyStore, level: int) -> None:
    texts = [b"", b"a", bytes(1 << 20), b"\xff\xfe" * 1000, TEXTS[0] * 9000, bytes(SIZE_MAX), b"\0\1\1\2"]
    if level == 19:
        texts[4:] = [TEXTS[0] * 50_000]  # asks for a window of more than 2 MiB, if nobody minds
    addresses = store.put_many("ann", texts)
    packed = store.pack("ann", addresses, level=level)
    assert (packed.messages, packed.digest) == (len(texts), digest(texts))
    store.let_go()
    assert [store.get("ann", address) for address in addresses] == texts


def test_one_block_is_read_for_one_text_and_few_are_held(store: BodyStore) -> None:
    texts = [os.urandom(8) + bytes(100_000) for _ in range(200)]
    addresses = store.put_many("ann", texts)
    store.pack("ann", addresses)
    store.let_go()
    assert store.get("ann", addresses[0]) == texts[0]
    assert store.let_go() == sum(map(len, texts[:2]))
    assert store.get_many("ann", addresses) == texts
    assert 1 << 20 < store.let_go() <= 8 << 20


def test_two_subjects_share_no_block_and_no_place(store: BodyStore, journal: Path) -> None:
    ann, bob = store.put_many("ann", TEXTS), store.put_many("bob", TEXTS)
    store.pack("ann", ann)
    assert rows(journal) == (40, 3, 40)
    assert store.get_many("bob", ann) == [None] * 40
    store.pack("bob", bob)
    assert store.get_many("bob", bob) == TEXTS
    assert store.pack("bob", ann).lost == tuple(ann)


def test_how_much_is_packed_and_since_when(journal: Path) -> None:
    now = [1000]
    with BodyStore.open(journal, clock_ns=lambda: now[0]) as store:
        addresses = store.put_many("ann", TEXTS)
        store.put("bob", TEXTS[0])
        now[0] = 2000
        packed = store.pack("ann", addresses)
        extents = store.packed(["ann", "bob", "nobody"])
        assert list(extents) == ["ann"]
        assert extents["ann"] == (40, 3, packed.before, packed.after, 2000)


def test_a_trace_of_tools_with_a_system_prompt_is_stored_in_a_third(store: BodyStore) -> None:
    packed = store.pack("ann", store.put_many("ann", trace(1, 48)))
    assert packed.before > 3 * packed.after
