"""Damage to a block is told from what was packed, and costs its texts and no others."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.errors import BodiesUnusable, BodyCorrupt, NoSuchBody
from bursar.eventstore.bodies import blocks as module
from bursar.eventstore.bodies.store import BodyStore

from ...bodies.texts import message, sql
from .kept import blobs

TEXTS = [message(seed).encode() for seed in range(36)]


class Kept:
    """Texts in three blocks, in files that are closed."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.db"
        self.file = blobs(self.journal)
        with BodyStore.open(self.journal) as store:
            self.addresses = store.put_many("ann", TEXTS)
            store.pack("ann", self.addresses)
        sql(self.file, "PRAGMA wal_checkpoint(TRUNCATE)")
        self.whole = self.file.read_bytes()

    def change(self, statement: str, *bindings: object) -> None:
        """Change the whole file by a statement."""
        self.file.write_bytes(self.whole)
        sql(self.file, statement, *bindings)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("damage"))


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


@settings(max_examples=60)
@given(st.sampled_from(["nonce", "body"]), st.floats(0, 1, exclude_max=True))
def test_no_flipped_byte_of_a_block_shows_another_text(kept: Kept, column: str, share: float) -> None:
    kept.file.write_bytes(kept.whole)
    ((content,),) = sql(kept.file, f"SELECT {column} FROM block WHERE id = 2")
    kept.change(f"UPDATE block SET {column} = ? WHERE id = 2", flipped(content, int(share * len(content))))
    with BodyStore.open(kept.journal) as store:
        with pytest.raises(BodyCorrupt, match="its block does not decrypt"):
            store.get("ann", kept.addresses[20])
        assert store.get_many("ann", kept.addresses) == [*TEXTS[:16], *[None] * 16, *TEXTS[32:]]


@pytest.mark.parametrize(
    "assignment",
    [
        *("messages = messages + 1", "texts = texts + 1", "size = size + 1", "size = 1 << 40"),
        *("dictionary = 1", "owner = owner + 1", "body = (SELECT body FROM block WHERE id = 1)"),
        "(nonce, body, texts, size) = (SELECT nonce, body, texts, size FROM block WHERE id = 1)",
    ],
)
def test_what_stands_beside_it_counts_too(kept: Kept, assignment: str) -> None:
    kept.change(f"UPDATE block SET {assignment} WHERE id = 2")
    with BodyStore.open(kept.journal) as store, pytest.raises((BodyCorrupt, NoSuchBody)):
        store.get("ann", kept.addresses[20])


def test_unpacking_reports_a_damaged_block_and_gives_back_the_others(kept: Kept) -> None:
    kept.change("UPDATE block SET body = zeroblob(90) WHERE id = 2")
    with BodyStore.open(kept.journal) as store:
        unpacked = store.unpack("ann")
        assert sorted(unpacked.lost) == sorted(kept.addresses[16:32])
        assert (unpacked.messages, unpacked.bytes) == (20, sum(map(len, TEXTS[:16] + TEXTS[32:])))
        assert store.get_many("ann", kept.addresses) == [*TEXTS[:16], *[None] * 16, *TEXTS[32:]]
        with pytest.raises(NoSuchBody):
            store.get("ann", kept.addresses[20])
        assert store.put_many("ann", TEXTS) == kept.addresses
        assert store.get_many("ann", kept.addresses) == TEXTS
        store.sweep(kept.addresses, before=1 << 62)
    assert sql(kept.file, "SELECT count(*) FROM block") == [(0,)]


def test_packing_beside_a_damaged_block_names_its_texts(kept: Kept) -> None:
    kept.change("UPDATE block SET body = zeroblob(90) WHERE id = 2")
    with BodyStore.open(kept.journal) as store:
        late = store.put("ann", "later")
        packed = store.pack("ann", [*kept.addresses, late])
        assert packed.lost == tuple(kept.addresses[16:32])
        assert (packed.messages, packed.blocks) == (21, 3)


def test_a_lost_place_is_a_miss_and_unpacking_finds_the_text_again(kept: Kept) -> None:
    kept.change("DELETE FROM place WHERE address = ?", bytes.fromhex(kept.addresses[3]))
    with BodyStore.open(kept.journal) as store:
        with pytest.raises(NoSuchBody):
            store.get("ann", kept.addresses[3])
        assert store.unpack("ann").messages == 36
        assert store.get_many("ann", kept.addresses) == TEXTS


def spoilt(texts: Sequence[bytes]) -> bytes:
    """Another text in the place of the last."""
    return b"\0".join([*texts[:-1], b"?"])


def test_what_was_written_wrong_is_noticed_before_the_rows_go(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compressor that errs: nothing has happened, and the texts are where they were."""
    kept.file.write_bytes(kept.whole)
    with BodyStore.open(kept.journal) as store:
        late = store.put_many("ann", ["one", "two"])
        monkeypatch.setattr(module, "join", spoilt)
        with pytest.raises(BodiesUnusable):
            store.pack("ann", late)
        assert store.get_many("ann", late) == [b"one", b"two"]
        assert store.packed(["ann"])["ann"].messages == 36
