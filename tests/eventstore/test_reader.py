"""Reading: every way of asking, beside a writer and without one."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import JournalCorrupt
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader

from .helpers import append_soon, draft, fill, line, start
from .test_durability import WRITER

#: Follows a journal until it has seen the first 400 events, and prints how often it looked.
FOLLOWER = """
import sys
from bursar.eventstore.reader import Reader
seen, looks = 0, 0
with Reader(sys.argv[1]) as reader:
    while seen < 400:
        for record in reader.read(after=seen):
            assert record.position == seen + 1
            seen = record.position
        looks += 1
print(looks)
"""

#: Reads as somebody who may read and not write, and prints the head or why not.
STRANGER = """
import os, sys
from bursar.domain.errors import BursarError
from bursar.eventstore.reader import Reader
if os.getuid() == 0:
    os.setuid(65534)
try:
    with Reader(sys.argv[1]) as reader:
        print(reader.head(), len(list(reader.read())))
except BursarError as error:
    print(error)
"""

#: What a lean command imports, and how much else comes with it.
IMPORTS = """
import json, sys
already = set(sys.modules)  # an editable installation imports some itself
import bursar.eventstore.reader, bursar.eventstore.snapshots
print(json.dumps(sorted(set(sys.modules) - already)))
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A journal of 1,500 events: five types and seven subjects in turn, ten to a flow."""
    path = tmp_path_factory.mktemp("reader") / "journal.db"
    with Journal.open(path) as journal:
        batch = [
            draft(n, type_=f"T{n % 5}", subject=f"model/{n % 7}", correlation=n - (n - 1) % 10)
            for n in range(1, 1501)
        ]
        journal.append_now(batch, expected=0)
    with Reader(path) as reader:
        yield reader


@given(
    after=st.integers(0, 1600),
    until=st.none() | st.integers(0, 1600),
    types=st.none() | st.sets(st.sampled_from(["T0", "T1", "T4", "T9", "', T1"])),
    subject=st.none() | st.sampled_from(["model/0", "model/6", "model/7", "model"]),
    correlation=st.none() | st.sampled_from([1, 11, 1491, 12]),
    limit=st.none() | st.integers(0, 700),
)
def test_reading_gives_the_events_that_all_conditions_hold_for(
    reader: Reader,
    after: int,
    until: int | None,
    types: set[str] | None,
    subject: str | None,
    correlation: int | None,
    limit: int | None,
) -> None:
    expected = [
        n
        for n in range(after + 1, min(1500, until or 0 if until is not None else 1500) + 1)
        if (types is None or f"T{n % 5}" in types)
        and (subject is None or f"model/{n % 7}" == subject)
        and (correlation is None or n - (n - 1) % 10 == correlation)
    ][:limit]
    found = reader.read(after, until, types=types, subject=subject, correlation=correlation, limit=limit)
    assert [record.position for record in found] == expected
    if correlation is None:
        rows = [row[0] for row in reader.rows(after, until, types=types, subject=subject)]
        assert rows[:limit] == expected


def test_one_event_or_the_last_of_a_subject_can_be_asked_for(reader: Reader) -> None:
    found = reader.get(17)
    assert found is not None
    assert (found.position, found.subject) == (17, "model/3")
    assert list(reader.leaves(16, 17)) == [reader.leaf(17)]
    assert (reader.get(0), reader.get(1501), reader.leaf(1501)) == (None, None, None)
    last = reader.last("model/3")
    assert last is not None
    assert last.position == 1494
    assert reader.last("model/7") is None


def test_subjects_are_found_by_their_beginning(reader: Reader, tmp_path: Path) -> None:
    assert reader.subjects() == [f"model/{n}" for n in range(7)]
    assert reader.subjects("model/3") == ["model/3"]
    assert reader.subjects("mode") == reader.subjects()
    assert reader.subjects("n") == []
    names = ["a", "a/", "a/%", "a/b", "a0", "b", "ä", "😀"]
    with Journal.open(tmp_path / "journal.db") as journal:
        batch = [draft(n, subject=name) for n, name in enumerate(names, 1)]
        journal.append_now(batch, expected=0)
        with Reader(journal.path) as other:
            for prefix in ("", "a", "a/", "a/%", "b", "ä", "😀", "c"):
                assert other.subjects(prefix) == [name for name in names if name.startswith(prefix)]


@given(st.integers(-5, 40))
def test_a_time_is_found_among_the_positions(tmp_path_factory: pytest.TempPathFactory, time_ns: int) -> None:
    path = tmp_path_factory.getbasetemp() / "times.db"
    times = [3, 3, 3, 7, 8, 8, 20, 31, 31]
    if not path.exists():
        with Journal.open(path) as journal:
            batch = [draft(n, at=at) for n, at in enumerate(times, 1)]
            journal.append_now(batch, expected=0)
    with Reader(path) as reader:
        assert reader.position_at(time_ns) == sum(at <= time_ns for at in times)


def test_an_empty_journal_can_be_asked_everything(tmp_path: Path) -> None:
    with (
        Journal.open(tmp_path / "journal.db", clock_ns=lambda: 42) as journal,
        Reader(journal.path) as reader,
    ):
        assert reader.head() == 0
        assert list(reader.read()) == []
        assert reader.subjects() == []
        assert reader.position_at(10**18) == 0
        assert (reader.journal_id, reader.created_at) == (journal.journal_id, 42)
        assert reader.size_bytes() >= 4096


def test_a_reader_sees_commits_and_nothing_before(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal, Reader(journal.path) as reader:
            before = reader.data_version()
            waiting = append_soon(journal)
            assert (reader.head(), reader.data_version()) == (0, before)
            await waiting
            assert reader.head() == 1
            assert reader.data_version() != before

    asyncio.run(main())


def test_a_reader_follows_a_writer_of_another_process(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            await append_soon(journal)
            with start(FOLLOWER, journal.path) as follower:
                while follower.poll() is None:
                    await append_soon(journal)
                assert int(line(follower)) >= 1
            assert follower.returncode == 0

    asyncio.run(main())


def test_an_iteration_that_is_not_finished_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 2000)
    with Journal.open(path) as journal, Reader(path) as reader:
        unfinished = reader.read()
        assert next(unfinished).position == 1
        journal.append_now([draft(2001, at=10**9)], expected=2000)
        journal.close()
        assert (
            not path.with_name("journal.db-wal").exists()
            or not path.with_name("journal.db-wal").stat().st_size
        )
        assert [record.position for record in unfinished] == list(range(2, 2001))


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    fill(tmp_path / "journal.db", 3)
    before = (tmp_path / "journal.db").read_bytes()
    with Reader(tmp_path / "journal.db") as reader:
        assert reader.head() == 3
    assert (tmp_path / "journal.db").read_bytes() == before


def test_what_a_killed_writer_left_can_be_read_and_copied(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    acknowledged = 0
    with start(WRITER, path) as writer:
        for _ in range(100):
            acknowledged = int(line(writer))
        writer.kill()
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    for each in (path, copy):
        with Reader(each) as reader:
            assert reader.head() >= acknowledged
            assert len(list(reader.read())) == reader.head()


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that everybody may read and only we may write, which pytest's are not."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


def as_stranger(path: Path) -> str:
    for entry in path.parent.iterdir():
        entry.chmod(0o444)
    path.parent.chmod(0o555)
    with start(STRANGER, path) as stranger:
        return line(stranger)


def test_a_journal_at_rest_can_be_read_where_nothing_can_be_written(readable: Path) -> None:
    fill(readable / "journal.db", 5)
    names = sorted(readable.iterdir())
    assert as_stranger(readable / "journal.db") == "5 5"
    assert sorted(readable.iterdir()) == names


def test_a_log_that_cannot_be_read_where_nothing_can_be_written_is_not_passed_over(readable: Path) -> None:
    path = readable / "journal.db"
    journal = Journal.open(path)
    journal.append_now([draft(1)], expected=0)
    journal.abandon()
    path.with_name("journal.db-shm").unlink(missing_ok=True)
    said = as_stranger(path)
    assert said == "1 1" or f"{path}-wal can only be read in a folder that can be written" in said, said


def test_a_damaged_page_is_an_error_that_names_the_position(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 200)
    content = bytearray(path.read_bytes())
    page = content.index(b"<000100>") // 4096 * 4096
    content[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with Reader(path) as reader:
        seen: list[int] = []
        with pytest.raises(JournalCorrupt) as damage:
            seen.extend(record.position for record in reader.read())
    assert 80 < damage.value.values["position"] <= 100  # type: ignore[operator]  # it is a number
    assert damage.value.values["position"] == seen[-1] + 1


def test_text_that_is_no_text_is_an_error_that_names_the_position(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 200)
    path.write_bytes(path.read_bytes().replace(b"<000100>", b"\xff000100>"))
    with Reader(path) as reader, pytest.raises(JournalCorrupt, match="damaged at position 100"):
        list(reader.read())


def test_reading_imports_next_to_nothing() -> None:
    with start(IMPORTS) as process:
        imported = set(json.loads(line(process)))
    assert not imported & {"pydantic", "asyncio", "pathlib", "dataclasses", "inspect", "logging", "socket"}


def test_apsw_is_recent_enough() -> None:
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)
