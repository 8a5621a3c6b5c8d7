"""Appending: positions at once, everything or nothing, one commit for all who wait."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import strategies as st

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record

from .helpers import append_soon, commits, draft, fill, step

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
drafts = st.builds(
    draft,
    st.just(1),
    kind=st.sampled_from(["fact", "decision"]),
    type_=texts,
    subject=st.sampled_from(["host", "model/a", "model/ä", "", "\0"]) | texts,
    at=st.integers(0, 2**62),
    data=texts,
)


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with Journal.open(tmp_path_factory.mktemp("growing") / "journal.db") as journal:
        yield journal


def test_all_who_wait_in_one_turn_of_the_loop_share_one_commit_and_hear_in_order(tmp_path: Path) -> None:
    heard: list[int] = []

    async def main() -> None:
        path = tmp_path / "journal.db"
        with Journal.open(path) as journal:
            before = commits(path)
            clients = [client(journal) for _ in range(100)]
            await asyncio.gather(*clients)
            assert commits(path) == before + 3
        assert heard == list(range(1, 301))

    async def client(journal: Journal) -> None:
        for _ in range(3):
            position = await append_soon(journal)
            heard.append(position)

    asyncio.run(main())


def test_an_append_that_fills_the_queue_commits_it(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            for _ in range(255):
                append_soon(journal)
            assert journal.committed == 0
            append_soon(journal)
            assert journal.committed == 256
            half_a_mib = [draft(257, data="x" * (1 << 19))]
            assert journal.append(half_a_mib, expected=256, durable=False).done()

    asyncio.run(main())


def test_closing_commits_what_waits_and_is_final(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        journal = Journal.open(path)
        waiting = append_soon(journal)
        journal.close()
        journal.close()
        assert await waiting == 1
        with pytest.raises(JournalUnusable, match="has been closed"):
            append_soon(journal)

    asyncio.run(main())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["journal.db", "journal.db.owner"]
    with Journal.open(path) as journal:
        assert journal.head == 1


def test_an_abandoned_journal_holds_what_was_committed_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        journal = Journal.open(path)
        await append_soon(journal)
        waiting = append_soon(journal)
        journal.abandon()
        journal.close()
        await asyncio.sleep(0)
        assert not waiting.done()
        assert path.with_name("journal.db-wal").stat().st_size > 0

    asyncio.run(main())
    with Journal.open(path) as journal:
        assert journal.head == 1


def test_opening_goes_on_where_closing_stopped(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for n in range(4):
        fill(path, 700)
        with Reader(path) as reader:
            assert reader.head() == 700 * (n + 1)
    with Journal.open(path) as journal:
        assert journal.append_now([draft(2801, subject="model/0")], expected=2800) == 2801


def test_what_is_written_while_closing_is_the_last_of_all(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        journal.append_now(step(0), expected=0)
        journal.before_close(lambda: journal.write_checkpoint(3, f"{journal.tree().root().hex()}"))
    connection = apsw.Connection(str(path))
    size, note = connection.execute("SELECT size, note FROM checkpoint").fetchone() or (0, "")
    root = connection.execute("SELECT hex(root) FROM root WHERE size = 3").get
    connection.close()
    assert (size, note.upper()) == (3, root)


def read(journal: Journal) -> list[Record]:
    with Reader(journal.path) as reader:
        return list(reader.read())
