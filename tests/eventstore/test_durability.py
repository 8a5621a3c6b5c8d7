"""What an acknowledgement is worth: kills, power cuts, errors of the disk."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import JournalUnusable, JournalWriteFailed, LogNotEmptied
from bursar.eventstore.journal import Journal
from bursar.eventstore.merkle import data_hash, leaf_hash
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.eventstore.sealing import Command, Row

from .helpers import append_soon, draft, line, start

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

#: Appends until the disk refuses, prints what was acknowledged and why no more, makes room, appends again.
FULL_DISK = """
import asyncio, resource, signal, sys
from bursar.domain.errors import JournalWriteFailed
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft

def draft(head):
    return Draft("fact", "T", 1, "host", 1, None, head + 1, "bursar", "x" * 1000)

async def main():
    journal = Journal.open(sys.argv[1])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    acknowledged = 0
    try:
        while True:
            acknowledged = await journal.append([draft(acknowledged)], expected=acknowledged, durable=False)
    except JournalWriteFailed as error:
        print(acknowledged)
        print(error)
    assert journal.head == acknowledged
    try:
        journal.append_now([draft(journal.head)], expected=journal.head)
    except JournalWriteFailed:
        print("still full")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(await journal.append([draft(journal.head)], expected=journal.head, durable=True))
    journal.close()

asyncio.run(main())
"""


def test_a_durable_batch_is_on_the_disk_with_all_before_it_when_it_is_acknowledged(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            await append_soon(journal)
            assert journal.hardened == 0
            append_soon(journal)
            await append_soon(journal, durable=True)
            assert journal.hardened == 3
            await append_soon(journal)
            assert journal.hardened == 3
            journal.append_now([draft(5)], expected=4)
            assert journal.hardened == 5

    asyncio.run(main())


def test_nobody_is_acknowledged_before_a_durable_batch_ahead_of_him(tmp_path: Path) -> None:
    heard: list[int] = []

    async def client(journal: Journal, *, durable: bool) -> None:
        for _ in range(40):
            position = await append_soon(journal, durable=durable)
            heard.append(position)

    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            await asyncio.gather(*(client(journal, durable=number == 0) for number in range(5)))

    asyncio.run(main())
    assert heard == list(range(1, 201))


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


def test_a_full_disk_fails_those_who_wait_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with start(FULL_DISK, path) as writer:
        acknowledged = int(line(writer))
        assert "is as it was before" in line(writer)
        assert line(writer) == "still full"
        assert int(line(writer)) == acknowledged + 1
    assert writer.returncode == 0
    assert acknowledged > 0
    with Journal.open(path) as journal:
        assert journal.head == acknowledged + 1
    assert check(path).ok


def test_a_journal_that_somebody_else_wrote_to_is_spent(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        journal = Journal.open(path)
        await append_soon(journal)
        waiting = [append_soon(journal) for _ in range(3)]
        behind_its_back(path, 2)
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, JournalUnusable)
        with pytest.raises(JournalUnusable, match=r"UNIQUE constraint.*open it again"):
            append_soon(journal)
        with pytest.raises(JournalUnusable):
            journal.append_now([draft(5)], expected=journal.head)
        journal.close()

    asyncio.run(main())
    with Journal.open(path) as journal:
        assert journal.head == 2
        journal.append_now([draft(3, at=10**6)], expected=2)
    assert check(path).ok


def test_a_commit_that_raised_and_happened_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        with Journal.open(path) as journal:
            await append_soon(journal)
            committer = journal._committer  # pyright: ignore[reportPrivateUsage]  # the disk fails there
            real = committer.commit

            def commit(rows: Sequence[Row], leaves: Sequence[bytes], commands: Sequence[Command]) -> None:
                real(rows, leaves, commands)
                raise apsw.IOError("after the fact")

            monkeypatch.setattr(committer, "commit", commit)  # a new one is made when it looked
            assert await append_soon(journal) == 2
            assert await append_soon(journal) == 3

    asyncio.run(main())
    assert check(path).ok


def test_a_commit_that_raised_and_did_not_happen_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        with Journal.open(path) as journal:
            await append_soon(journal)

            def commit(*_: object) -> None:
                raise apsw.IOError("before the fact")

            committer = journal._committer  # pyright: ignore[reportPrivateUsage]  # the disk fails there
            monkeypatch.setattr(committer, "commit", commit)
            waiting = [append_soon(journal), append_soon(journal, durable=True)]
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, JournalWriteFailed)
            assert journal.head == 1
            assert await append_soon(journal) == 2

    asyncio.run(main())
    assert check(path).ok


def test_a_redaction_whose_log_is_being_read_says_so_and_is_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bursar.eventstore.connections._BUSY_MS", 1)
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        why = draft(2, type_="EventRedacted", data='{"event":1}')
        journal.append_now([draft(1, data='{"who":"canary"}'), why], expected=0)
        connection = apsw.Connection(str(path))
        connection.execute("BEGIN; SELECT count(*) FROM event").fetchall()
        with pytest.raises(LogNotEmptied, match="a reader in the middle of the log"):
            journal.redact(1, by=2)
        connection.close()
        journal.redact(1, by=2)
        assert b"canary" not in path.read_bytes() + path.with_name("journal.db-wal").read_bytes()
        journal.append_now([draft(3)], expected=2)
    assert check(path).ok


def test_appending_now_says_so_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    journal.append_now([draft(1)], expected=0)
    behind_its_back(path, 2)
    with pytest.raises(JournalUnusable, match="open it again"):
        journal.append_now([draft(2)], expected=1)
    journal.close()
    Journal.open(path).close()


def test_a_journal_that_cannot_be_read_back_is_spent(tmp_path: Path) -> None:
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
        journal.append_now([draft(3)], expected=2)
        asyncio.run(append())


def test_a_long_log_starts_over(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        for n in range(60):
            journal.append_now([draft(n + 1, data="x" * (1 << 20))], expected=n)
        assert (tmp_path / "journal.db-wal").stat().st_size < 20 << 20


def behind_its_back(path: Path, position: int) -> None:
    """Insert a row that keeps every rule, as no program of ours would."""
    header = (position, "fact", "T", 1, f"elsewhere/{position}", 10**6, None, position, "somebody")
    leaf = leaf_hash(*header, data_hash(bytes(16), "{}"))
    connection = apsw.Connection(str(path))
    columns = "position, kind, type, version, subject, at, cause, correlation, actor, data, salt, leaf"
    insert = f"INSERT INTO event ({columns}) VALUES ({','.join('?' * 12)})"
    connection.execute(insert, (*header, "{}", bytes(16), leaf))
    connection.close()
