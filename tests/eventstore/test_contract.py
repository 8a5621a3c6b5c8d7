"""What every event store keeps, whatever it keeps its events in."""

import asyncio
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import CommandConflict, HeadMoved, JournalConflict, JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.memory import MemoryStore
from bursar.eventstore.merkle import Frontier
from bursar.eventstore.port import EventStore
from bursar.eventstore.records import Draft, Kind, Record

from .helpers import draft, step

Make = Callable[[], EventStore]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
drafts = st.builds(
    draft,
    st.just(1),
    kind=st.sampled_from(["fact", "decision"]),
    type_=texts,
    subject=st.sampled_from(["host", "model/a", "model/ä", "", "\0"]) | texts,
    data=texts,
)


@pytest.fixture(params=["sqlite", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a store, empty each time."""
    if request.param == "memory":
        return MemoryStore
    numbers = iter(range(10_000))
    return lambda: Journal.open(tmp_path / f"{next(numbers)}.db")


def append_soon(store: EventStore, *, durable: bool = False) -> "asyncio.Future[int]":
    return store.append([draft(store.head + 1)], expected=store.head, durable=durable)


def read(store: EventStore) -> list[Record]:
    with store.reader() as reader:
        return list(reader.read())


@pytest.mark.parametrize("backend", ["sqlite", "memory"])
def test_what_is_read_is_what_was_appended(backend: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("growing") / "journal.db"
    store: EventStore = MemoryStore() if backend == "memory" else Journal.open(path)

    @given(batches=st.lists(st.lists(drafts, min_size=1, max_size=5), max_size=4))
    def holds(batches: list[list[Draft]]) -> None:
        before = store.head
        appended: list[Draft] = []
        for batch in batches:
            rising = [one._replace(at=store.head + n) for n, one in enumerate(batch)]
            store.append_now(rising, expected=store.head)
            appended += rising
        with store.reader() as reader:
            records = list(reader.read(after=before))
            assert [record.draft for record in records] == appended
            assert [record.position for record in records] == list(range(before + 1, store.head + 1))
            for record in records:
                assert next(reader.read(subject=record.subject, after=record.position - 1)) == record
                assert reader.get(record.position) == record
                assert reader.position_at(record.at) >= record.position
            assert Frontier.of(reader.leaves()).root() == store.tree().root()

    with store:
        holds()


def test_a_reader_finds_by_position_subject_type_time_and_flow(make: Make) -> None:
    with make() as store:
        for head in range(0, 60, 3):
            store.append_now(step(head), expected=head)
        with store.reader() as reader:
            assert reader.head() == 60
            assert [r.position for r in reader.read(after=10, until=14)] == [11, 12, 13, 14]
            assert [r.position for r in reader.read(subject="model/2", limit=3)] == [3, 6, 9]
            assert [r.position for r in reader.read(correlation=4)] == [4, 5, 6]
            assert list(reader.read(types=["Nothing"])) == []
            assert len(list(reader.read(types=["Sampled"], until=7))) == 7
            assert reader.subjects() == ["host", "model/1", "model/2"]
            assert reader.subjects("model/") == ["model/1", "model/2"]
            assert [reader.position_at(at) for at in (0, 999, 1000, 60_000, 10**9)] == [0, 0, 1, 60, 60]
            last = reader.last("model/1")
            assert last is not None
            assert last.position == 59
            assert (reader.last("model/7"), reader.get(0), reader.get(61), reader.leaf(61)) == (None,) * 4


def test_positions_are_given_before_anything_is_awaited(make: Make) -> None:
    async def main() -> None:
        with make() as store:
            first = store.append(step(0), expected=0, durable=False)
            assert (store.head, store.committed) == (3, 0)
            second = store.append(step(3), expected=3, durable=False)
            assert store.head == 6
            assert await second == 6
            assert await first == 3
            assert store.committed == 6

    asyncio.run(main())


def test_everybody_is_acknowledged_in_the_order_of_the_positions(make: Make) -> None:
    heard: list[int] = []

    async def client(store: EventStore, *, durable: bool) -> None:
        for _ in range(40):
            heard.append(await append_soon(store, durable=durable))
            assert store.committed >= heard[-1]
            assert not durable or store.hardened >= heard[-1]

    async def main() -> None:
        with make() as store:
            await asyncio.gather(*(client(store, durable=number == 0) for number in range(5)))

    asyncio.run(main())
    assert heard == list(range(1, 201))


def test_a_batch_decided_from_another_head_is_refused(make: Make) -> None:
    with make() as store:
        store.append_now(step(0), expected=0)
        with pytest.raises(HeadMoved, match="at position 3, not at 2") as refused:
            store.append_now(step(2), expected=2)
        assert isinstance(refused.value, JournalConflict)
        assert store.append_now(step(3), expected=3) == 6


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
        (draft(2, subject="\ud800"), "surrogates not allowed"),
    ],
)
def test_a_batch_that_breaks_a_rule_is_refused_whole_and_harms_nobody_else(
    make: Make, wrong: Draft, why: str
) -> None:
    async def main() -> None:
        with make() as store:
            earlier = append_soon(store)
            with pytest.raises(ValueError, match=why):
                store.append([wrong, draft(3)], expected=1, durable=False)
            assert store.head == 1
            later = append_soon(store)
            assert (await earlier, await later) == (1, 2)
            assert [record.position for record in read(store)] == [1, 2]

    asyncio.run(main())


def test_a_batch_has_at_least_one_event(make: Make) -> None:
    with make() as store, pytest.raises(ValueError, match="at least one"):
        store.append_now([], expected=0)


def test_a_future_that_nobody_waits_for_any_more_changes_nothing(make: Make) -> None:
    async def main() -> None:
        with make() as store:
            append_soon(store).cancel()
            assert await append_soon(store) == 2
            assert len(read(store)) == 2

    asyncio.run(main())


def test_appending_now_commits_what_waits_first(make: Make) -> None:
    async def main() -> None:
        with make() as store:
            waiting = append_soon(store)
            assert store.append_now(step(1), expected=1) == 4
            assert waiting.result() == 1
            assert store.hardened == 4

    asyncio.run(main())


def test_closing_commits_what_waits_and_is_final(make: Make) -> None:
    async def main() -> None:
        store = make()
        closing: list[int] = []
        store.before_close(lambda: closing.append(store.committed))
        waiting = append_soon(store)
        store.close()
        store.close()
        assert await waiting == 1
        assert closing == [1]
        with pytest.raises(JournalUnusable, match="has been closed"):
            append_soon(store)

    asyncio.run(main())


def test_what_waits_when_a_store_is_abandoned_is_never_answered(make: Make) -> None:
    async def main() -> None:
        store = make()
        await append_soon(store)
        reader = store.reader()
        waiting = append_soon(store)
        store.abandon()
        store.close()
        await asyncio.sleep(0)
        assert not waiting.done()
        assert reader.head() == 1
        reader.close()

    asyncio.run(main())


def test_a_command_that_is_sent_again_is_answered_and_not_obeyed(make: Make) -> None:
    async def main() -> None:
        with make() as store:
            first = store.append(step(0), expected=0, durable=False, command="a")
            while_it_waits = store.append(step(0), expected=0, durable=False, command="a")
            assert (await first, await while_it_waits) == (3, 3)
            other = store.append(step(3), expected=3, durable=True, command="b")
            later = [one._replace(at=one.at + 5, correlation=1) for one in step(0)]
            assert await store.append(later, expected=6, durable=True, command="a") == 3
            assert await other == 6
            assert store.append_now(step(0), expected=77, command="a") == 3
            assert store.head == 6

    asyncio.run(main())


@pytest.mark.parametrize("committed", [False, True])
def test_the_id_of_a_command_stands_for_one_content(make: Make, committed: bool) -> None:
    async def main() -> None:
        with make() as store:
            first = store.append([draft(1)], expected=0, durable=False, command="a")
            if committed:
                await first
            with pytest.raises(CommandConflict, match="'a' at positions 1 to 1, with other content"):
                store.append([draft(2, data="{}")], expected=1, durable=False, command="a")
            assert await first == 1
            assert store.head == 1

    asyncio.run(main())


def test_listeners_hear_of_every_commit_until_they_stop(make: Make) -> None:
    async def main() -> None:
        heard: list[int] = []
        with make() as store:
            end = store.listen(heard.append)
            append_soon(store)
            await append_soon(store)
            await append_soon(store)
            end()
            await append_soon(store)
        assert heard == [2, 3]

    asyncio.run(main())


def test_redaction_takes_the_data_and_leaves_every_leaf(make: Make) -> None:
    with make() as store:
        store.append_now(step(0), expected=0)
        before = store.tree().root()
        store.append_now([draft(4, type_="EventRedacted")], expected=3)
        store.redact(2, by=4)
        with store.reader() as reader:
            assert [record.data is None for record in reader.read()] == [False, True, False, False]
            roots = [
                frontier.root() for frontier in accumulate(reader.leaves(), extended, initial=Frontier())
            ]
        assert (roots[3], roots[4]) == (before, store.tree().root())


@pytest.mark.parametrize(("position", "by"), [(0, 4), (9, 4), (2, 3), (4, 4)])
def test_redaction_needs_an_event_and_one_that_says_why(make: Make, position: int, by: int) -> None:
    with make() as store:
        store.append_now([*step(0), draft(4, type_="EventRedacted")], expected=0)
        with pytest.raises(ValueError, match=r"position|redact"):
            store.redact(position, by=by)
        assert all(record.data for record in read(store))
        store.append_now([draft(5)], expected=4)


def extended(frontier: Frontier, leaf: bytes) -> Frontier:
    longer = frontier.copy()
    longer.extend([leaf])
    return longer
