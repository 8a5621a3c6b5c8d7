"""A damaged journal can be read, up to the damage, and says where that is."""

import json
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import JournalCorrupt
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader

from ..cli.calling import inside
from ..projections.world import evicting
from .support import append, records, spoil, written


@pytest.fixture
def broken(tmp_path: Path) -> tuple[Path, int]:
    """A journal with a page that is no page any more, and the position that its reading fails at."""
    path = written(tmp_path / "journal.db", 400)
    content = bytearray(path.read_bytes())
    page = content.index(b"<000300>") // 4096 * 4096
    content[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with Reader(path) as reader, pytest.raises(JournalCorrupt) as damage:
        list(reader.read())
    return path, int(f"{damage.value.values['position']}")


def test_the_log_is_shown_up_to_the_damage(broken: tuple[Path, int]) -> None:
    path, position = broken
    ran = inside("log", "--json", journal=path)
    assert ran.exit_code == 1
    assert [json.loads(line)["position"] for line in ran.stdout.splitlines()] == list(range(1, position))
    assert ran.stderr.startswith(f"bursar: {path} is damaged at position {position}: it cannot be read")
    assert ran.stderr.count("\n") == 1


def test_an_export_has_the_lines_up_to_the_damage(broken: tuple[Path, int]) -> None:
    path, position = broken
    ran = inside("export", journal=path)
    assert (ran.exit_code, len(ran.stdout.splitlines())) == (1, position - 1)
    assert f"is damaged at position {position}" in ran.stderr


def test_what_is_before_the_damage_can_be_asked_for(broken: tuple[Path, int]) -> None:
    path, position = broken
    with Reader(path) as reader:
        assert len(list(reader.read(until=position - 1))) == position - 1
        assert reader.get(position - 1) is not None
        assert reader.head() == 400


def test_a_journal_with_a_damaged_end_can_be_read_and_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 40)
        journal.abandon()
    connection = apsw.Connection(str(path))
    connection.execute("SELECT count(*) FROM event").fetchall()
    connection.close()  # which copies the log into the file
    spoil(path, b"<000039>", b"<000038>")
    with pytest.raises(JournalCorrupt, match="damaged at position 39"):
        Journal.open(path)
    assert len(records(path)) == 40


def test_the_state_before_the_damage_is_folded(tmp_path: Path) -> None:
    world = evicting(tmp_path / "journal.db")
    world.close()
    path = tmp_path / "journal.db"
    sound = inside("state", "--at", 13, "--json", journal=path).stdout
    content = path.read_bytes()
    with Reader(path) as reader:
        record = reader.get(40)
        assert record is not None and record.data is not None
        data = record.data.encode()
    assert content.count(data) == 1
    path.write_bytes(content.replace(data, b"\xff" + data[1:]))
    assert inside("state", "--at", 13, "--json", journal=path).stdout == sound
    after = inside("state", journal=path)
    assert (after.exit_code, "is damaged at position 40" in after.stderr) == (1, True)
    status = inside("status", journal=path)
    assert (status.exit_code, status.stdout) == (1, "")
    assert "is damaged at position 40" in status.stderr
