"""The file of bodies: one of an older bursar, a copy of it, and what a sweep leaves."""

from importlib.resources import files
from pathlib import Path

import pytest

from bursar.domain.errors import BodiesUnusable, NoSuchBody
from bursar.eventstore.bodies.store import GRACE_NS, BodyStore
from bursar.eventstore.keeping.backup import backup

from ...bodies.texts import message, sql
from ...operations.support import written
from .kept import blobs, put_and_pack, rows, trace

TEXTS = [message(seed).encode() for seed in range(300)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def as_before_blocks(file: Path) -> None:
    """Make the file what a bursar that knew no blocks would have written, row by row."""
    old = file.with_suffix(".old")
    sql(old, files("bursar.eventstore.bodies").joinpath("blobs.sql").read_text("utf-8"))
    sql(
        old,
        f"""
        PRAGMA application_id = {0x42525342}; PRAGMA user_version = 1;
        ATTACH '{file}' AS new;
        INSERT INTO blob SELECT * FROM new.blob;
        INSERT INTO dictionary SELECT id, owner, at, ratio, nonce, body FROM new.dictionary;
        """,
    )
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    old.chmod(0o600)
    old.rename(file)


def test_a_file_of_an_older_bursar_is_brought_up_to_date_and_keeps_its_texts(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        addresses = store.put_many("ann", TEXTS[:270])
        assert store.train("ann")
        addresses += store.put_many("ann", TEXTS[270:])
    as_before_blocks(blobs(journal))
    assert sql(blobs(journal), "SELECT count(*) FROM sqlite_schema WHERE name = 'block'") == [(0,)]
    for _ in range(2):
        with BodyStore.open(journal) as store:
            assert store.get_many("ann", addresses) == TEXTS
            assert sql(blobs(journal), "PRAGMA user_version") == [(2,)]
            assert store.pack("ann", addresses).messages == 300
            assert store.get_many("ann", addresses) == TEXTS
            assert store.unpack("ann").messages == 300
            assert store.put_many("ann", TEXTS) == addresses


def test_a_file_of_a_later_bursar_is_refused(journal: Path) -> None:
    BodyStore.open(journal).close()
    sql(blobs(journal), "PRAGMA user_version = 3")
    with pytest.raises(BodiesUnusable, match="it has format 3 and this bursar knows format 2; update bursar"):
        BodyStore.open(journal)


def test_a_backup_has_the_blocks_and_what_they_need(journal: Path, tmp_path: Path) -> None:
    """But nothing that needs a dictionary which was made, among others, of what was forgotten since."""
    written(journal, 3)
    with BodyStore.open(journal) as store:
        kept = put_and_pack(store, range(6), "family")
        backup(journal, tmp_path / "copy.db", bodies=True)
        blobs(journal).rename(tmp_path / "newer")
        (tmp_path / "copy.db.blobs.db").rename(blobs(journal))
    with BodyStore.open(journal) as store:
        for seed in range(6):
            assert store.get_many(f"context/{seed}", kept[f"context/{seed}"]) == trace(seed)
        copy = blobs(journal).read_bytes()
        store.forget("context/1")
        assert store.get_many("context/4", kept["context/4"]) == trace(4)
    blobs(journal).write_bytes(copy)
    with BodyStore.open(journal) as store:
        assert store.get_many("context/0", kept["context/0"]) == trace(0)
        assert store.get_many("context/1", kept["context/1"]) == [None] * 25
        assert store.get_many("context/4", kept["context/4"]) == [None] * 25


def test_a_sweep_takes_texts_out_of_blocks_and_leaves_the_others(journal: Path) -> None:
    now = [10 * GRACE_NS]
    texts = TEXTS[:40]
    with BodyStore.open(journal, clock_ns=lambda: now[0]) as store:
        addresses = store.put_many("ann", texts)
        before = store.pack("ann", addresses)
        live = [*addresses[:16], *addresses[20:24]]
        assert store.sweep(live).bodies == 0
        now[0] += 2 * GRACE_NS
        swept = store.sweep(live)
        assert swept.bodies == 20
        assert rows(journal) == (0, 2, 20)
        left = store.packed(["ann"])["ann"]
        assert (left.messages, left.after) == (20, before.after - swept.bytes - 12)
        for address, text in zip(addresses, texts, strict=True):
            if address in live:
                assert store.get("ann", address) == text
            else:
                with pytest.raises(NoSuchBody):
                    store.get("ann", address)
        assert store.unpack("ann").messages == 20


def test_what_is_packed_expires_when_it_was_put_last_and_not_when_it_was_packed(journal: Path) -> None:
    now = [GRACE_NS]
    with BodyStore.open(journal, clock_ns=lambda: now[0]) as store:
        old = store.put_many("ann", TEXTS[:8])
        now[0] += GRACE_NS
        young = store.put_many("ann", TEXTS[8:16])
        now[0] += GRACE_NS
        store.pack("ann", old + young)
        assert store.put("ann", TEXTS[0]) == old[0]  # makes it young
        assert store.expire(now[0] - GRACE_NS).bodies == 7
        assert store.get_many("ann", [*old, *young]) == [TEXTS[0], *[None] * 7, *TEXTS[8:16]]
        store.unpack("ann")
        assert store.expire(now[0] - GRACE_NS).bodies == 0
        assert store.expire(now[0]).bodies == 8
