"""What an acknowledgement is worth: kills, power cuts, errors of the disk."""

import asyncio
import os
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.merkle import leaf_hash
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record
from bursar.eventstore.verify import check

from .helpers import append_soon, draft, fill, line, start

#: Appends until killed, eight clients at a time, and prints every position that was acknowledged.
WRITER = """
import asyncio, os, sys
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft

async def client(journal, number):
    while True:
        head = journal.head
        batch = [
            Draft("fact", "T", 1, f"model/{number}", p, None, head + 1, "bursar", "x" * 300)
            for p in range(head + 1, head + 1 + number % 3 + 1)
        ]
        position = await journal.append(batch, expected=head, durable=number == 0)
        os.write(1, b"%d\\n" % position)

async def main():
    journal = Journal.open(sys.argv[1])
    await asyncio.gather(*(client(journal, number) for number in range(8)))

asyncio.run(main())
"""

#: Appends until the disk refuses, prints what was acknowledged, then that the journal refuses as well.
FULL_DISK = """
import asyncio, resource, signal, sys
from bursar.domain.errors import JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft

async def main():
    journal = Journal.open(sys.argv[1])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    acknowledged = 0
    try:
        while True:
            head = journal.head
            draft = Draft("fact", "T", 1, "host", 1, None, 1, "bursar", "x" * 1000)
            acknowledged = await journal.append([draft], expected=head, durable=False)
    except JournalUnusable:
        print(acknowledged)
    try:
        journal.append_now([draft], expected=journal.head)
    except JournalUnusable as error:
        print(error)
    journal.close()

asyncio.run(main())
"""


def test_a_durable_batch_commits_under_full_with_all_that_waits(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            await append_soon(journal)
            assert (journal.synchronous, journal.hardened) == ("NORMAL", 0)
            append_soon(journal)
            await append_soon(journal, durable=True)
            assert (journal.synchronous, journal.hardened) == ("FULL", 3)
            await append_soon(journal)
            assert (journal.synchronous, journal.hardened) == ("NORMAL", 3)
            journal.append_now([draft(5)], expected=4)
            assert (journal.synchronous, journal.hardened) == ("FULL", 5)

    asyncio.run(main())


def test_what_was_committed_under_normal_is_hardened_soon_after(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            await append_soon(journal)
            await append_soon(journal)
            async with asyncio.timeout(30):
                while journal.hardened < 2:
                    await asyncio.sleep(0)

    asyncio.run(main())


def test_a_journal_may_be_closed_while_it_is_being_hardened(tmp_path: Path) -> None:
    async def main() -> None:
        journal = Journal.open(tmp_path / "journal.db")
        await append_soon(journal)
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.2
        while loop.time() < end:
            await asyncio.sleep(0)
        journal.close()

    asyncio.run(main())
    assert check(tmp_path / "journal.db").ok


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    acknowledged = 0
    for lines in (1, 40, 150, 400, 1500):
        with start(WRITER, path) as writer:
            for _ in range(lines):
                acknowledged = int(line(writer))
            writer.kill()
            rest = writer.communicate()[0].split("\n")[:-1]
        acknowledged = max(acknowledged, *map(int, rest), 0)
        with Reader(path) as reader:
            assert reader.head() >= acknowledged
            flows = [record.correlation for record in reader.read()]
            sizes = [flows.count(flow) for flow in sorted(set(flows))[-20:]]
            assert set(sizes) <= {1, 2, 3}
        report = check(path)
        assert report.problems == ()
        assert report.root is not None
    with Journal.open(path) as journal:
        assert journal.head >= acknowledged


def test_a_full_disk_spoils_the_journal_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with start(FULL_DISK, path) as writer:
        acknowledged = int(line(writer))
        assert "close it and open it again" in line(writer)
    assert writer.returncode == 0
    assert acknowledged > 0
    with Journal.open(path) as journal:
        assert journal.head >= acknowledged
        journal.append_now([draft(journal.head + 1)], expected=journal.head)
    assert check(path).ok


def test_after_an_error_everybody_is_refused_until_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        journal = Journal.open(path)
        await append_soon(journal)
        waiting = [append_soon(journal) for _ in range(3)]
        behind_its_back(path, 2)
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, JournalUnusable)
        with pytest.raises(JournalUnusable, match=r"position is not the next one.*open it again"):
            append_soon(journal)
        with pytest.raises(JournalUnusable):
            journal.append_now([draft(5)], expected=journal.head)
        journal.close()

    asyncio.run(main())
    with Journal.open(path) as journal:
        assert journal.head == 2
        journal.append_now([draft(3, at=10**6)], expected=2)
    assert check(path).ok


def test_appending_now_and_closing_say_so_when_they_fail(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    journal.append_now([draft(1)], expected=0)
    behind_its_back(path, 2)
    with pytest.raises(JournalUnusable, match="open it again"):
        journal.append_now([draft(2)], expected=1)
    journal.close()
    journal = Journal.open(path)
    behind_its_back(path, 3)
    with pytest.raises(JournalUnusable, match="its size is not that of the journal"):
        journal.close()
    Journal.open(path).close()


def test_an_error_while_looking_up_a_subject_spoils_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    journal.append_now([draft(1)], expected=0)
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE event")
    connection.close()
    for _ in range(2):
        with pytest.raises(JournalUnusable, match="no such table"):
            journal.append_now([draft(2, subject="model/new")], expected=1)
    journal.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the log's descriptor there")
def test_a_log_that_cannot_be_synced_spoils_the_journal(tmp_path: Path) -> None:
    async def main() -> None:
        journal = Journal.open(tmp_path / "journal.db")
        log = str(tmp_path / "journal.db-wal")
        ours = max(int(fd.name) for fd in Path("/proc/self/fd").iterdir() if os.path.realpath(fd) == log)
        null = os.open("/dev/null", os.O_RDONLY)  # which cannot be synced
        os.dup2(null, ours)
        os.close(null)
        with pytest.raises(JournalUnusable, match="Invalid argument"):
            await append_for_ever(journal)
        assert journal.hardened == 0
        journal.close()

    asyncio.run(main())
    assert check(tmp_path / "journal.db").ok


async def append_for_ever(journal: Journal) -> None:
    async with asyncio.timeout(30):
        while True:
            await append_soon(journal)


def test_one_journal_may_serve_one_loop_after_another(tmp_path: Path) -> None:
    async def append() -> None:
        await append_soon(journal)

    async def harden() -> None:
        await append_soon(journal)
        async with asyncio.timeout(30):
            while journal.hardened < journal.head:
                await asyncio.sleep(0)

    with Journal.open(tmp_path / "journal.db") as journal:
        asyncio.run(append())
        asyncio.run(harden())


def test_a_long_log_starts_over(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        for n in range(60):
            journal.append_now([draft(n + 1, data="x" * (1 << 20))], expected=n)
        assert (tmp_path / "journal.db-wal").stat().st_size < 20 << 20


def behind_its_back(path: Path, position: int) -> None:
    """Insert a row that keeps every rule, as no program of ours would."""
    other = path.with_name("other.db")
    fill(other, position)
    with Reader(other) as reader:
        record = next(iter(reader.read(after=position - 1)))
    written = record._replace(subject=f"elsewhere/{position}", subject_version=1, at=10**6)
    connection = apsw.Connection(str(path))
    insert = f"INSERT INTO event VALUES ({','.join('?' * len(Record._fields))})"
    connection.execute(insert, written._replace(leaf=leaf_hash(*written[:-1])))
    connection.close()
