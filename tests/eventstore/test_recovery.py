"""Opening a long journal reads its end only, and checks what it reads."""

from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import JournalCorrupt
from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check

from .helpers import draft, fill, marked


def test_a_root_is_written_at_least_every_1024_events_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, clock_ns=lambda: 77) as journal:
        for head in range(0, 5000, 100):
            batch = [draft(position) for position in range(head + 1, head + 101)]
            journal.append_now(batch, expected=head)
        journal.append_now([draft(5001)], expected=5000)
    connection = apsw.Connection(str(path))
    rows = connection.execute("SELECT size, at FROM root").fetchall()
    connection.close()
    assert rows == [(1100, 77), (2100, 77), (3100, 77), (4100, 77), (5001, 77)]
    assert check(path).ok


def test_a_root_is_not_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 3)
    before = path.read_bytes()
    for _ in range(3):
        Journal.open(path).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ("UPDATE event SET data = '{}' WHERE position = 1030", 1030),
        ("UPDATE event SET data = '{}' WHERE position = 1040", 1040),
        ("UPDATE event SET position = 2000 WHERE position = 1030", 1030),
        ("DELETE FROM event WHERE position >= 1024", 1024),
        ("UPDATE root SET root = zeroblob(32)", 1024),
        ("UPDATE root SET frontier = zeroblob(32)", 1024),
        ("UPDATE root SET frontier = zeroblob(64)", 1024),
        ("UPDATE root SET size = 1025", 1025),
        ("DELETE FROM journal", 0),
    ],
)
def test_a_damaged_end_is_not_written_on(tmp_path: Path, change: str, position: int) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    journal.append_now([draft(n) for n in range(1, 1025)], expected=0)
    journal.append_now([draft(n) for n in range(1025, 1041)], expected=1024)
    journal.abandon()
    connection = apsw.Connection(str(path))
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(change)
    connection.close()
    for _ in range(2):
        with pytest.raises(JournalCorrupt) as refused:
            Journal.open(path)
        assert refused.value.values["position"] == position


def test_an_unreadable_end_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 1000)
    journal = Journal.open(path)
    batch = [draft(n, at=10**9, data=marked(n)) for n in range(1001, 1021)]
    journal.append_now(batch, expected=1000)
    journal.abandon()
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT count(*) FROM event").get == 1020
    connection.close()
    content = bytearray(path.read_bytes())
    page = content.index(b"<001010>") // 4096 * 4096
    content[page : page + 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt) as refused:
        Journal.open(path)
    assert 1001 <= refused.value.values["position"] <= 1010  # type: ignore[operator]  # it is a number


def test_what_lies_before_the_last_root_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 3000)
    content = bytearray(path.read_bytes())
    page = content.index(b"<001500>") // 4096 * 4096
    content[page : page + 4096] = bytes(4096)
    path.write_bytes(content)
    with Journal.open(path) as journal:
        assert journal.head == 3000
    assert not check(path).ok
