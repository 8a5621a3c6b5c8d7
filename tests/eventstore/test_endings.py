"""What a journal says of itself when it is opened: how the owner before ended, and what may be missing."""

import asyncio
import json
from pathlib import Path

import pytest

from bursar.domain.errors import JournalCorrupt
from bursar.eventstore.endings import Card, Ended, Opened, judged
from bursar.eventstore.journal import Journal
from bursar.eventstore.snapshots import SnapshotStore
from bursar.eventstore.storage import DiskStorage

from .helpers import append_soon, draft, fill, line, start

HERE, ELSEWHERE = "this start of the machine", "the one before"
CARD = Card("host", 1, 1, HERE, "ab", 7, closed=False, suspect=False)

KILLED = """
import os, signal, sys
from bursar.eventstore.journal import Journal
journal = Journal.open(sys.argv[1])
print(journal.opened.ended, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (CARD._replace(closed=True), Ended.CLOSED),
        (CARD, Ended.KILLED),
        (CARD._replace(boot=ELSEWHERE), Ended.CUT_OFF),
        # Where the machine does not say which start of it this is, a kill cannot be told from a power cut.
        (CARD._replace(boot=""), Ended.CUT_OFF),
        # A card that cannot be read was cut off in the middle of being written.
        (Card.read(b"{half a ca"), Ended.CUT_OFF),
        (None, Ended.UNKNOWN),
        # The journal has been put in the place of another.
        (CARD._replace(journal="cd", closed=True), Ended.UNKNOWN),
    ],
)
def test_how_the_owner_before_ended(before: Card | None, expected: Ended) -> None:
    assert judged(before, HERE, "ab", 7, 0) == Opened(expected, 7, 0)


def test_a_journal_says_when_it_is_shorter_than_it_was() -> None:
    assert judged(CARD._replace(closed=True), HERE, "ab", 5, 0).missing == 2
    assert judged(CARD, HERE, "ab", 5, 9).missing == 4
    assert judged(None, HERE, "ab", 5, 9).missing == 4
    assert judged(CARD, HERE, "ab", 8, 0).missing == 0
    assert str(Opened(Ended.CUT_OFF, 5, 4)).endswith(
        "at most the last 250 ms of ordinary events may be missing; it ends at position 5, "
        "and is known to have reached 9: 4 events are gone"
    )


def test_only_what_is_new_or_was_closed_is_clean() -> None:
    clean = {ended for ended in Ended if Opened(ended, 1, 0).clean}
    assert clean == {Ended.NEW, Ended.CLOSED}
    assert not Opened(Ended.CLOSED, 1, 1).clean


def test_a_card_reads_as_it_was_written() -> None:
    assert Card.read(CARD.written()) == CARD
    assert Card.read(b"") is None
    assert len(CARD.written()) == 512


def test_a_journal_says_that_it_is_new_and_that_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        assert journal.opened == Opened(Ended.NEW, 0, 0)
        journal.append_now([draft(1)], expected=0)
    with Journal.open(path) as journal:
        assert journal.opened == Opened(Ended.CLOSED, 1, 0)


def test_a_journal_says_that_its_owner_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for expected in ("new", "killed", "killed"):
        with start(KILLED, path) as owner:
            assert line(owner) == expected


def test_a_journal_says_that_the_machine_has_stopped(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    journal.append_now([draft(1)], expected=0)
    journal.abandon()
    rewrite_card(path, boot=ELSEWHERE)
    with Journal.open(path) as journal:
        assert journal.opened == Opened(Ended.CUT_OFF, 1, 0)
        assert "250 ms" in str(journal.opened)


def test_a_journal_says_that_an_older_one_was_put_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 3)
    old = path.read_bytes()
    fill(path, 4)
    path.write_bytes(old)
    with Journal.open(path) as journal:
        assert journal.opened == Opened(Ended.CLOSED, 3, 4)


def test_a_journal_says_that_a_snapshot_is_ahead_of_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 5)
    old = path.read_bytes()
    fill(path, 4)
    SnapshotStore.beside(path).save("state", 1, "code", 8, b"{}")
    path.write_bytes(old)
    rewrite_card(path, head=5)
    with Journal.open(path) as journal:
        assert journal.opened.missing == 3


def test_a_new_journal_knows_nothing_of_one_that_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 3)
    path.unlink()
    with Journal.open(path) as journal:
        assert journal.opened == Opened(Ended.NEW, 0, 0)


def test_an_attempt_that_fails_changes_nothing_of_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 3)
    good = path.read_bytes()
    path.write_bytes(good[:8192])
    with pytest.raises(JournalCorrupt):
        Journal.open(path)
    path.write_bytes(good)
    with Journal.open(path) as journal:
        assert journal.opened == Opened(Ended.CLOSED, 3, 0)


def test_a_journal_whose_closing_failed_was_not_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    journal.append_now([draft(1)], expected=0)
    journal.before_close(lambda: raise_(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        journal.close()
    with Journal.open(path) as journal:
        assert journal.opened == Opened(Ended.KILLED, 1, 0)


def test_a_log_that_cannot_be_trusted_is_written_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    rewritten: list[int] = []
    monkeypatch.setattr("bursar.eventstore.storage.rewritten", rewritten.append)

    async def main() -> None:
        journal = Journal.open(path)
        await append_soon(journal)
        monkeypatch.setattr(DiskStorage, "sync", refuse)
        with pytest.raises(Exception, match="the disk is gone"):
            await append_soon(journal, durable=True)
        journal.close()

    asyncio.run(main())
    assert json.loads(owner_card(path).read_bytes())["suspect"]
    for times in (1, 1):  # and trusted from then on
        with Journal.open(path) as journal:
            assert len(rewritten) == times
            assert journal.head == 2


def rewrite_card(journal: Path, **fields: object) -> None:
    path = owner_card(journal)
    card = Card.read(path.read_bytes())
    assert card is not None
    path.write_bytes(card._replace(**fields).written())  # type: ignore[arg-type]  # fields of a card


def owner_card(journal: Path) -> Path:
    return journal.with_name(journal.name + ".owner")


def refuse(_storage: DiskStorage) -> None:
    raise OSError("the disk is gone")


def raise_(error: BaseException) -> None:
    raise error
