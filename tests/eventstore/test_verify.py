"""Whatever happens to the file is found, and said where; and nothing that happens to it is too much."""

from contextlib import suppress
from pathlib import Path
from typing import cast

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.errors import BursarError, JournalCorrupt
from bursar.eventstore.journal import Journal
from bursar.eventstore.merkle import Frontier, data_hash, leaf_hash
from bursar.eventstore.proof import stretches
from bursar.eventstore.proof.problems import Problem
from bursar.eventstore.proof.verify import Report, check
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Kind, Record

from .helpers import draft, fill, marked

EVENTS = 60


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    fill(path, EVENTS)
    return path


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test puts its damaged copy."""
    return tmp_path_factory.mktemp("copy") / "journal.db"


def put(copy: Path, content: bytes | bytearray) -> None:
    """Write the file anew, and nothing beside it."""
    for entry in copy.parent.iterdir():
        entry.unlink()
    copy.write_bytes(content)


def place(content: bytes | bytearray, position: int) -> tuple[int, int]:
    """Where the texts, numbers, the salt and the leaf of an event lie in the file."""
    data = marked(position).encode()
    at = content.index(data)
    while content[at // 4096 * 4096] != 13:  # what SQLite left in a page that holds no rows any more
        at = content.index(data, at + 1)
    return content.rindex(b"factSampled", 0, at), at + len(data) + 48


def leaf_of(record: Record, salt: bytes) -> bytes:
    return leaf_hash(*record[:-1], data_hash(salt, record.data or ""))


def covers(report: Report, position: int) -> bool:
    return any(problem.position <= position <= problem.until for problem in report.problems)


def test_a_sound_journal_has_no_problems_and_a_root(sound: Path) -> None:
    with Reader(sound) as reader:
        leaves = list(reader.leaves())
    assert check(sound) == Report(EVENTS, Frontier.of(leaves).root().hex(), (), 0)
    assert check(sound).ok


def test_what_is_sound_is_hashed_the_fast_way(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(stretches, "leaf_of")
    assert check(sound).ok


def test_an_empty_journal_is_sound(tmp_path: Path) -> None:
    Journal.open(tmp_path / "journal.db").close()
    assert check(tmp_path / "journal.db") == Report(0, Frontier().root().hex(), (), 0)


def test_a_journal_in_use_can_be_checked(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        for n in range(3):
            journal.append_now([draft(n + 1)], expected=n)
            assert check(journal.path).size == n + 1
        assert check(journal.path).ok


def test_progress_is_told(tmp_path: Path) -> None:
    fill(tmp_path / "journal.db", 9000)
    told: list[tuple[int, int]] = []
    assert check(tmp_path / "journal.db", lambda position, head: told.append((position, head))).ok
    assert told == [(4096, 9000), (8192, 9000)]


@given(position=st.integers(1, EVENTS), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=100)
def test_a_flipped_bit_of_an_event_is_found_at_its_position(
    sound: Path, copy: Path, position: int, where: float, bit: int
) -> None:
    content = bytearray(sound.read_bytes())
    first, end = place(content, position)
    content[first + int(where * (end - first))] ^= 1 << bit
    put(copy, content)
    report = check(copy)
    assert covers(report, position)
    assert report.root is None


def test_every_kind_of_byte_of_an_event_is_looked_at(sound: Path, copy: Path) -> None:
    original = sound.read_bytes()
    first, end = place(original, 17)
    data = end - 48 - len(marked(17))
    for at in (*range(first, data + 2), *range(end - 50, end)):
        content = bytearray(original)
        content[at] ^= 0x01
        put(copy, content)
        assert covers(check(copy), 17), at - first


@given(at=st.floats(0, 1, exclude_max=True), value=st.integers(1, 255))
@settings(max_examples=120)
def test_no_damage_is_too_much(sound: Path, copy: Path, at: float, value: int) -> None:
    """Wherever a byte changes there is a report, and a reader and an owner get on or get an error of ours."""
    content = bytearray(sound.read_bytes())
    content[int(at * len(content))] ^= value
    put(copy, content)
    report = check(copy)
    assert report.size <= EVENTS + 1
    with suppress(BursarError), Reader(copy) as reader:
        assert len(list(reader.read())) <= EVENTS + 1
        reader.last("model/0")
        reader.subjects("model/")
        reader.position_at(5000)
    with suppress(BursarError):
        Journal.open(copy).close()


def test_no_missing_end_is_too_much(sound: Path, copy: Path) -> None:
    content = sound.read_bytes()
    for length in range(512, len(content), 512):
        put(copy, content[:length])
        report = check(copy)
        assert not report.ok
        assert report.root is None


def test_a_lost_page_is_told_with_its_first_position_and_the_rest_is_read(sound: Path, copy: Path) -> None:
    content = bytearray(sound.read_bytes())
    page = content.index(b"<000030>") // 4096 * 4096
    lost = [n for n in range(1, EVENTS + 1) if content.index(b"<%06d>" % n) // 4096 * 4096 == page]
    content[page : page + 4096] = bytes(4096)
    put(copy, content)
    report = check(copy)
    unreadable = next(problem for problem in report.problems if problem.kind == "unreadable")
    assert (unreadable.position, unreadable.until) == (lost[0], lost[-1])
    assert report.size == EVENTS - len(lost)


def tampered(sound: Path, copy: Path, *statements: str) -> Report:
    """The report on a copy changed by somebody who knows how to remove a trigger and put it back."""
    put(copy, sound.read_bytes())
    connection = apsw.Connection(str(copy))
    connection.pragma("ignore_check_constraints", 1)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    for _, sql in triggers:
        connection.execute(str(sql))
    connection.close()
    return check(copy)


def texts(report: Report) -> list[str]:
    return [problem.text for problem in report.problems]


def test_a_changed_row_is_named(sound: Path, copy: Path) -> None:
    report = tampered(sound, copy, "UPDATE event SET data = '{}' WHERE position = 17")
    assert Problem("leaf", 17, 17, "position 17: the row does not hash to its leaf") in report.problems


def test_a_row_changed_with_its_leaf_is_found_by_the_root_after_it(sound: Path, copy: Path) -> None:
    with Reader(sound) as reader:
        row = reader.get(17)
    assert row is not None
    leaf = leaf_of(row._replace(data="{}"), bytes(16)).hex()
    change = f"data = '{{}}', salt = zeroblob(16), leaf = x'{leaf}'"
    report = tampered(sound, copy, f"UPDATE event SET {change} WHERE position = 17")
    assert texts(report) == [
        f"positions 1 to {EVENTS}: they do not give the root written down after the last",
    ]


def test_a_removed_row_is_named(sound: Path, copy: Path) -> None:
    report = tampered(sound, copy, "DELETE FROM event WHERE position = 17")
    assert "position 17: gone, and later events are there" in texts(report)
    assert report.size == EVENTS - 1


def test_a_removed_end_is_named(sound: Path, copy: Path) -> None:
    report = tampered(sound, copy, "DELETE FROM event WHERE position > 50")
    assert texts(report) == [f"positions 51 to 60: gone, though a root over {EVENTS} events was written down"]


def test_two_rows_that_changed_places_are_named(sound: Path, copy: Path) -> None:
    report = tampered(
        sound,
        copy,
        "UPDATE event SET position = 99 WHERE position = 5",
        "UPDATE event SET position = 5 WHERE position = 8",
        "UPDATE event SET position = 8 WHERE position = 99",
    )
    assert covers(report, 5)
    assert covers(report, 8)


def test_a_changed_root_is_named(sound: Path, copy: Path) -> None:
    report = tampered(sound, copy, "UPDATE root SET root = zeroblob(32)")
    assert texts(report) == [
        f"position {EVENTS}: the root written down after it contradicts the subtrees beside it"
    ]


def test_subtrees_that_cannot_be_are_named(sound: Path, copy: Path) -> None:
    report = tampered(sound, copy, "UPDATE root SET frontier = zeroblob(32)", "DELETE FROM journal")
    assert texts(report) == [
        "the table journal has 0 rows instead of one",
        f"position {EVENTS}: the root written down after it contradicts the subtrees beside it",
    ]
    with pytest.raises(JournalCorrupt, match="which journal it is"):
        Reader(copy)


def test_rules_are_checked_even_of_rows_that_hash(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 5)
    with Reader(path) as reader:
        row = reader.get(4)
    assert row is not None
    wrong = row._replace(at=1, cause=4, correlation=9, kind=cast("Kind", "guess"))
    connection = apsw.Connection(str(path))
    for name in ("event_update", "root_delete"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.pragma("ignore_check_constraints", 1)
    connection.execute("DELETE FROM root")
    connection.execute(
        "UPDATE event SET at = 1, cause = 4, correlation = 9, kind = 'guess', salt = zeroblob(16), leaf = ?"
        " WHERE position = 4",
        (leaf_of(wrong, bytes(16)),),
    )
    connection.close()
    found = texts(check(path))
    for expected in (
        "trigger event_update is gone from the schema",
        "position 4: it is neither fact nor decision but 'guess'",
        "position 4: its time is before that of the event ahead of it",
        "position 4: its cause, position 4, is not before it",
        "position 4: its flow, of position 9, is not its own or an earlier one",
    ):
        assert expected in found


def test_a_weakened_guard_is_named(sound: Path, copy: Path) -> None:
    report = tampered(
        sound, copy, "CREATE TRIGGER extra BEFORE INSERT ON root BEGIN SELECT 1; END", "CREATE TABLE mine (x)"
    )
    assert texts(report) == [
        "table mine is not as bursar defines it",
        "trigger extra is not as bursar defines it",
    ]
    assert report.root is not None


def test_more_problems_than_anybody_reads_are_counted(tmp_path: Path) -> None:
    fill(tmp_path / "journal.db", 1500)
    (tmp_path / "copy").mkdir()
    sound, copy = tmp_path / "journal.db", tmp_path / "copy" / "journal.db"
    report = tampered(sound, copy, "UPDATE event SET actor = 'me'")
    assert len(report.problems) == 1000
    assert report.unlisted >= 500
