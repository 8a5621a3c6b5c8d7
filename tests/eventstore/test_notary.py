"""When the tree is signed: full segments, every minute of activity, at close, on demand, never too early."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import apsw
import pytest

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.merkle import Frontier
from bursar.eventstore.proof import notary as notary_module
from bursar.eventstore.proof.notary import Notary
from bursar.eventstore.proof.notes import Checkpoint, Note, origin
from bursar.eventstore.proof.signing import SigningKey
from bursar.testing.simloop import SimLoop, run
from bursar.testing.storage import InlineStorage

from .helpers import append_soon, draft, fill

KEY = SigningKey("bursar/test", bytes(32))


def signed(path: Path) -> list[int]:
    """Sizes of the checkpoints, each of which says what the journal says."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    leaves: list[Any] = connection.execute("SELECT leaf FROM event ORDER BY position").fetchall()
    identity: Any = connection.execute("SELECT journal_id FROM journal").get
    checkpoints: list[Any] = connection.execute("SELECT size, note FROM checkpoint ORDER BY size").fetchall()
    connection.close()
    for size, note in checkpoints:
        parsed = Note.parse(note)
        assert parsed.signer([KEY.verifier]) == KEY.verifier
        root = Frontier.of(leaf for (leaf,) in leaves[:size]).root()
        assert Checkpoint.parse(parsed.text) == Checkpoint(origin(identity), size, root)
    return [size for size, _ in checkpoints]


def simulated(path: Path, main: Callable[[SimLoop, Journal, Notary], Coroutine[Any, Any, None]]) -> None:
    """Run it with a journal whose threads have no time of their own, in virtual time."""

    async def with_journal(loop: SimLoop) -> None:
        journal = Journal.open(path, clock_ns=loop.now_ns, storage=InlineStorage)
        await main(loop, journal, Notary(journal, KEY))
        journal.close()

    run(with_journal, seed=1)


def test_every_minute_of_activity_is_signed_and_idleness_is_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    seen = list[tuple[float, list[int]]]()

    async def main(loop: SimLoop, journal: Journal, notary: Notary) -> None:
        for wait in (10, 49, 1, 3600, 59, 2):
            await asyncio.sleep(wait)
            await append_soon(journal)
            seen.append((round(loop.time()), signed(path)))
        await asyncio.sleep(3600)
        seen.append((round(loop.time()), signed(path)))

    simulated(path, main)
    assert seen == [
        (10, []),
        (59, []),
        (60, []),
        (3660, [3]),
        (3719, [3]),
        (3721, [3, 5]),
        (7321, [3, 5, 6]),
    ]
    assert signed(path) == [3, 5, 6]


def test_a_full_segment_is_signed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notary_module, "SEGMENT", 8)
    path = tmp_path / "journal.db"

    async def main(loop: SimLoop, journal: Journal, notary: Notary) -> None:
        for _ in range(20):
            await append_soon(journal)
            await asyncio.sleep(1)

    simulated(path, main)
    assert signed(path) == [8, 16, 20]


def test_nothing_is_signed_before_it_is_on_the_disk_itself(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main(loop: SimLoop, journal: Journal, notary: Notary) -> None:
        await append_soon(journal)
        hardened = journal.hardened
        monkey = pytest.MonkeyPatch()
        monkey.setattr(type(journal), "hardened", property(lambda self: hardened))
        await asyncio.sleep(120)
        assert signed(path) == []
        monkey.undo()
        await append_soon(journal)
        await asyncio.sleep(1)
        assert signed(path) == [1]

    simulated(path, main)
    assert signed(path) == [1, 2]


def test_what_is_new_is_signed_at_close_and_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for head in (0, 3, 3, 4):
        with Journal.open(path) as journal:
            Notary(journal, KEY)
            for position in range(journal.head + 1, head + 1):
                journal.append_now([draft(position)], expected=position - 1)
    assert signed(path) == [3, 4]


def test_it_signs_on_demand_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path / "journal.db", 5)
    with Journal.open(tmp_path / "journal.db") as journal:
        notary = Notary(journal, KEY)
        note = notary.sign()
        assert note is not None
        assert Checkpoint.parse(note.text).size == notary.signed == 5
        assert notary.sign() is None
    assert signed(tmp_path / "journal.db") == [5]


def test_a_long_import_without_a_loop_is_signed_by_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notary_module, "SEGMENT", 8)
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        Notary(journal, KEY)
        for position in range(1, 19):
            journal.append_now([draft(position)], expected=position - 1)
    assert signed(path) == [8, 16, 18]


def test_a_journal_that_is_spent_is_not_signed_and_nobody_is_troubled(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main(loop: SimLoop, journal: Journal, notary: Notary) -> None:
        await append_soon(journal)
        journal.abandon()
        await asyncio.sleep(120)
        with pytest.raises(JournalUnusable):
            notary.sign()

    simulated(path, main)
    assert signed(path) == []
