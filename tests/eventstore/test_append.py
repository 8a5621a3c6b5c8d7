"""Appending: positions at once, everything or nothing, one commit for all who wait."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import HeadMoved, JournalConflict, JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft, Kind, Record

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


@given(batches=st.lists(st.lists(drafts, min_size=1, max_size=5), max_size=4))
def test_what_is_read_is_what_was_appended(growing: Journal, batches: list[list[Draft]]) -> None:
    before = growing.head
    appended: list[Draft] = []
    for batch in batches:
        rising = [one._replace(at=growing.head + n) for n, one in enumerate(batch)]
        growing.append_now(rising, expected=growing.head)
        appended += rising
    with Reader(growing.path) as reader:
        records = list(reader.read(after=before))
        assert [as_draft(record) for record in records] == appended
        assert [record.position for record in records] == list(range(before + 1, growing.head + 1))
        for record in records:
            ahead = reader.read(subject=record.subject, until=record.position)
            assert record.subject_version == sum(1 for _ in ahead)


def as_draft(record: Record) -> Draft:
    return Draft(
        record.kind,
        record.type,
        record.version,
        record.subject,
        record.at,
        record.cause,
        record.correlation,
        record.actor,
        record.data,
    )


def test_positions_are_given_before_anything_is_awaited(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            first = journal.append(step(0), expected=0, durable=False)
            assert (journal.head, journal.committed) == (3, 0)
            second = journal.append(step(3), expected=3, durable=False)
            assert journal.head == 6
            assert await second == 6
            assert await first == 3
            assert journal.committed == 6

    asyncio.run(main())


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
            for _ in range(511):
                append_soon(journal)
            assert journal.committed == 0
            append_soon(journal)
            assert journal.committed == 512
            one_mib = [draft(513, data="x" * (1 << 20))]
            assert journal.append(one_mib, expected=512, durable=False).done()

    asyncio.run(main())


def test_a_batch_decided_from_another_head_is_refused(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.append_now(step(0), expected=0)
        with pytest.raises(HeadMoved, match="at position 3, not at 2") as refused:
            journal.append_now(step(2), expected=2)
        assert isinstance(refused.value, JournalConflict)
        assert journal.append_now(step(3), expected=3) == 6


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (draft(2)._replace(kind=cast("Kind", "guess")), "neither fact nor decision"),
        (draft(2, at=999), "comes after an event at 1000"),
        (draft(2, at=2**63), "too large"),
        (draft(2, cause=2), "caused by position 2"),
        (draft(2, cause=0), "caused by position 0"),
        (draft(2, correlation=3), "flow of position 3"),
        (draft(2, correlation=0), "flow of position 0"),
        (draft(2, data="\ud800"), "surrogates not allowed"),
    ],
)
def test_a_batch_that_breaks_a_rule_is_refused_whole_and_harms_nobody_else(
    tmp_path: Path, wrong: Draft, why: str
) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            earlier = append_soon(journal)
            with pytest.raises(ValueError, match=why):
                journal.append([wrong, draft(3)], expected=1, durable=False)
            assert journal.head == 1
            later = append_soon(journal)
            assert (await earlier, await later) == (1, 2)
            assert [record.subject_version for record in read(journal)] == [1, 2]

    asyncio.run(main())


def test_a_batch_has_at_least_one_event(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal, pytest.raises(ValueError, match="at least one"):
        journal.append_now([], expected=0)


def test_a_future_that_nobody_waits_for_any_more_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            append_soon(journal).cancel()
            assert await append_soon(journal) == 2
            assert len(read(journal)) == 2

    asyncio.run(main())


def test_appending_now_commits_what_waits_first(tmp_path: Path) -> None:
    async def main() -> None:
        with Journal.open(tmp_path / "journal.db") as journal:
            waiting = append_soon(journal)
            assert journal.append_now(step(1), expected=1) == 4
            assert waiting.result() == 1

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
        assert [record.subject_version for record in read(journal)][-1] == 934


def test_a_subject_that_was_forgotten_is_looked_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bursar.eventstore.sealing._REMEMBERED", 3)
    with Journal.open(tmp_path / "journal.db") as journal:
        for head in range(40):
            journal.append_now([draft(head + 1, subject=f"request/{head % 10}")], expected=head)
        assert [record.subject_version for record in read(journal)] == [n // 10 + 1 for n in range(40)]


def read(journal: Journal) -> list[Record]:
    with Reader(journal.path) as reader:
        return list(reader.read())
