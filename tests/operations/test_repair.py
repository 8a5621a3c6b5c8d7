"""Repair: the good beginning of a damaged journal, and not an event that was not written."""

import os
import shutil
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.errors import (
    FileNotWritten,
    JournalConflict,
    JournalCorrupt,
    JournalUnusable,
    NothingToRepair,
)
from bursar.eventstore.journal import Journal
from bursar.eventstore.keeping.repair import repair
from bursar.eventstore.proof.verify import check
from bursar.eventstore.records import COLUMNS, Leaf, Record
from bursar.eventstore.recovery import leaf_of

from .support import KEY, append, names, records, redact, sign, spoil, written


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 events, among them one that was redacted; a root over 1,024 and one at the end; two notes."""
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 300)
        sign(journal)
        append(journal, 800)
        redact(journal, 30)
        append(journal, 300)
        sign(journal)
        append(journal, 99)
    return path


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 events, of which 150 were signed and the first hundred have a root, too."""
    path = tmp_path_factory.mktemp("short") / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 100)
    with Journal.open(path) as journal:
        append(journal, 50)
        sign(journal)
        redact(journal, 20)
        append(journal, 49)
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copy(sound, tmp_path / "journal.db"))


def forge(path: Path, position: int) -> None:
    """Change an event together with its leaf, as somebody does who knows how leaves are made."""
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER event_update")
    *row, salt = connection.execute(f"SELECT {COLUMNS}, salt FROM event WHERE position = ?", (position,)).get
    leaf = leaf_of(Record._make(row)._replace(data="{}"), Leaf(salt, None, b""))
    connection.execute("UPDATE event SET data = '{}', leaf = ? WHERE position = ?", (leaf, position))
    connection.close()


def test_the_events_before_the_damage_are_kept_as_they_were(sound: Path, path: Path, tmp_path: Path) -> None:
    spoil(path, b"<001200>", b"<009999>")
    made = repair(path, tmp_path / "good.db")
    assert (made.position, made.head, made.lost) == (1199, 1500, 301)
    assert made.vouched == 1100  # the root of the commit that passed 1,024
    assert made.reason == "position 1200: the event does not hash to its leaf"
    assert (made.unexplained, made.missing) == ((), ())
    assert records(made.path) == records(sound)[:1199]
    found = check(made.path)
    assert found.ok and (found.root, found.checkpoints) == (made.root, 1)
    assert (tmp_path / "good.db").stat().st_mode & 0o777 == 0o600


def test_what_was_signed_before_the_damage_still_holds(path: Path, tmp_path: Path) -> None:
    connection = apsw.Connection(str(path))
    note: str = connection.execute("SELECT note FROM checkpoint WHERE size = 300").get
    connection.close()
    spoil(path, b"<000400>", b"<000401>")
    made = repair(path, tmp_path / "good.db")
    assert made.position == 399
    assert check(made.path, keys=(KEY.verifier,), against=note).extends == 300


def test_the_new_journal_can_be_written_on(path: Path, tmp_path: Path) -> None:
    spoil(path, b"<001200>", b"<009999>")
    repair(path, tmp_path / "good.db")
    with Journal.open(tmp_path / "good.db") as journal:
        append(journal, 100)
        sign(journal)
    assert check(tmp_path / "good.db").ok


def test_the_damaged_journal_is_not_touched(path: Path, tmp_path: Path) -> None:
    spoil(path, b"<001200>", b"<009999>")
    before = path.read_bytes()
    repair(path, tmp_path / "good.db")
    assert path.read_bytes() == before


def test_events_that_a_later_root_contradicts_are_not_kept(sound: Path, path: Path, tmp_path: Path) -> None:
    """A row that was changed with its leaf hashes well; the last root that agrees is before it."""
    forge(path, 1200)
    made = repair(path, tmp_path / "good.db")
    assert (made.position, made.vouched, made.lost) == (1100, 1100, 400)
    assert made.reason == "positions 1101 to 1401: they do not give the root written down after them"
    assert records(made.path) == records(sound)[:1100]


def test_a_root_that_was_changed_costs_no_event_when_a_later_one_agrees(path: Path, tmp_path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER root_update; UPDATE root SET root = zeroblob(32) WHERE size = 1100")
    connection.close()
    made = repair(path, tmp_path / "good.db")
    assert (made.position, made.lost, made.vouched) == (1500, 0, 1500)
    assert check(made.path).ok


def test_a_damaged_schema_or_index_costs_no_event(path: Path, tmp_path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER event_delete; DROP INDEX event_subject")
    connection.close()
    made = repair(path, tmp_path / "good.db")
    assert (made.position, made.lost) == (1500, 0)
    assert "gone from the schema" in made.reason
    assert check(made.path).ok


def test_a_redaction_whose_reason_is_lost_is_told(path: Path, tmp_path: Path) -> None:
    spoil(path, b"<000900>", b"<000901>")
    made = repair(path, tmp_path / "good.db")
    assert (made.position, made.unexplained) == (899, (30,))
    assert records(made.path)[29].data is None
    assert [problem.position for problem in check(made.path).problems] == [30]


def test_a_sound_journal_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToRepair, match="all 1500 events"):
        repair(path, tmp_path / "good.db")
    assert not (tmp_path / "good.db").exists()


def test_a_destination_that_exists_or_is_the_journal_is_refused(path: Path, tmp_path: Path) -> None:
    spoil(path, b"<001200>", b"<009999>")
    (tmp_path / "good.db").write_text("mine")
    with pytest.raises(FileNotWritten, match="there is such a file already"):
        repair(path, tmp_path / "good.db")
    with pytest.raises(FileNotWritten, match="it is the journal itself"):
        repair(path, path)
    assert (tmp_path / "good.db").read_text() == "mine"


def test_a_journal_that_somebody_writes_is_refused(path: Path, tmp_path: Path) -> None:
    spoil(path, b"<000400>", b"<000401>")
    with Journal.open(path), pytest.raises(JournalConflict, match=f"process {os.getpid()}"):
        repair(path, tmp_path / "good.db")


def test_without_one_good_event_there_is_nothing_to_make(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 10)
    spoil(path, b"<000001>", b"<000002>")
    with pytest.raises(JournalCorrupt, match="position 1"):
        repair(path, tmp_path / "good.db")
    assert names(tmp_path) == ["journal.db", "journal.db.owner"]


def test_archived_segments_come_along(archived: Path, tmp_path: Path) -> None:
    spoil(archived, b'{"n":65600}', b'{"n":65601}')
    made = repair(archived, tmp_path / "good.db")
    assert (made.position, made.lost, made.missing) == (65_599, 138, ())
    assert names(tmp_path / "good.db.archive") == ["000000.jsonl.zst"]
    assert check(made.path).ok


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), length=st.sampled_from([1, 1, 8, 512, 4096]))
def test_whatever_is_damaged_nothing_is_kept_that_was_not_written(
    short: Path, tmp_path_factory: pytest.TempPathFactory, place: float, length: int
) -> None:
    content = bytearray(short.read_bytes())
    at = int(place * len(content)) // length * length
    for offset in range(at, min(at + length, len(content))):
        content[offset] ^= 0x55
    folder = tmp_path_factory.mktemp("damaged")
    damaged, good = folder / "journal.db", folder / "good.db"
    damaged.write_bytes(content)
    try:
        made = repair(damaged, good)
    except (NothingToRepair, JournalCorrupt, JournalUnusable):
        assert not good.exists()
        return
    kept = records(good)
    assert kept == records(short)[: made.position]
    assert made.lost == made.head - made.position
    assert not [problem for problem in check(good).problems if problem.kind != "redaction"]
