"""Following a journal: everything once and in order, whatever happens in which order."""

import asyncio
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.following import ALL, Interest, follow
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft
from bursar.eventstore.subscriptions import Subscription

from ..views.listing import MEMORY
from .helpers import ROOT, append_soon, draft, fill, line

#: Appends what it is told to: a line with a number of events is one batch; says the head then.
APPENDER = """
import sys
from bursar.eventstore.journal import Journal
from tests.eventstore.helpers import draft
with Journal.open(sys.argv[1]) as journal:
    for line in sys.stdin:
        here = journal.head
        batch = [draft(n) for n in range(here + 1, here + 1 + int(line))]
        print(journal.append_now(batch, expected=here), flush=True)
"""


class Enough(Exception):
    """Ends a `follow`."""


def _drafts(head: int, number: int) -> list[Draft]:
    """Three types, five subjects and flows of four, in turn."""
    return [
        draft(n, type_=f"T{n % 3}", subject=f"model/{n % 5}", correlation=n - n % 4 or n)
        for n in range(head + 1, head + 1 + number)
    ]


def _wanted(head: int, after: int, interest: Interest) -> list[int]:
    return [
        n
        for n, one in enumerate(_drafts(0, head), 1)
        if n > after
        and (interest.types is None or one.type in interest.types)
        and (interest.subject is None or one.subject == interest.subject)
        and (interest.correlation is None or one.correlation == interest.correlation)
    ]


INTERESTS = st.one_of(
    st.just(ALL),
    st.builds(
        Interest,
        types=st.none() | st.sampled_from([("T0",), ("T1", "T2"), ("T9",)]),
        subject=st.none() | st.sampled_from(["model/0", "model/3"]),
        correlation=st.none() | st.sampled_from([1, 4, 400]),
    ),
)
#: Events are appended, the loop turns, the follower may take more, a wait is cancelled.
HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(["append", "turn", "take", "cancel"]), st.integers(1, 700)), max_size=12
)


@given(before=st.integers(0, 700), after=st.integers(0, 800), interest=INTERESTS, happenings=HAPPENINGS)
@settings(max_examples=30)
def test_a_subscription_leaves_nothing_out_and_repeats_nothing(
    before: int, after: int, interest: Interest, happenings: list[tuple[str, int]]
) -> None:
    async def main(journal: Journal) -> None:
        if before:
            journal.append_now(_drafts(0, before), expected=0)
        seen: list[int] = []
        allowed = asyncio.Semaphore(0)
        with closing(Subscription.of(journal, after=after, interest=interest)) as subscription:

            async def take() -> None:
                while True:
                    await allowed.acquire()
                    seen.append((await anext(subscription)).position)

            taking = asyncio.create_task(take())
            for what, number in happenings:
                if what == "append":
                    journal.append(_drafts(journal.head, number), expected=journal.head, durable=False)
                elif what == "turn":
                    for _ in range(number % 5):
                        await asyncio.sleep(0)
                elif what == "take":
                    for _ in range(number):
                        allowed.release()
                else:
                    taking.cancel()
                    with suppress(asyncio.CancelledError):
                        await taking
                    taking = asyncio.create_task(take())
            taking.cancel()
            with suppress(asyncio.CancelledError):
                await taking
            await asyncio.sleep(0)  # the last commit
            subscription.finish()
            seen += [record.position async for record in subscription]
        assert seen == _wanted(journal.committed, after, interest)

    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, Journal.open(f"{folder}/journal.db") as journal:
        asyncio.run(main(journal))


@given(
    before=st.integers(0, 700),
    after=st.integers(0, 800),
    interest=INTERESTS,
    appended=st.lists(st.integers(0, 600), max_size=6),
    between=st.lists(st.integers(0, 40), max_size=60),
)
@settings(max_examples=30)
def test_following_leaves_nothing_out_and_repeats_nothing(
    before: int, after: int, interest: Interest, appended: list[int], between: list[int]
) -> None:
    """Events are appended when all has been seen, and between one event and the next."""

    def append(journal: Journal, number: int) -> None:
        if number:
            journal.append_now(_drafts(journal.head, number), expected=journal.head)

    def pause() -> None:
        if not appended:
            raise Enough
        append(journal, appended.pop())

    seen: list[int] = []
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, Journal.open(f"{folder}/journal.db") as journal:
        append(journal, before)
        with suppress(Enough):
            for record in follow(journal.path, after, interest, pause=pause):
                seen.append(record.position)
                append(journal, between.pop() if between else 0)
        assert seen == _wanted(journal.head, after, interest)


def test_commits_of_another_process_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    appender = subprocess.Popen(
        [sys.executable, "-c", APPENDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )

    def order(number: int) -> int:
        assert appender.stdin is not None
        print(number, file=appender.stdin, flush=True)
        return int(line(appender))

    async def main() -> None:
        with closing(Subscription.beside(path)) as subscription:
            assert [(await anext(subscription)).position for _ in range(3)] == [1, 2, 3]
            coming = asyncio.ensure_future(anext(subscription))
            await asyncio.sleep(0)
            assert await asyncio.to_thread(order, 600) == 603
            assert (await coming).position == 4
            assert [(await anext(subscription)).position for _ in range(599)] == list(range(5, 604))

    with appender:
        assert order(3) == 3
        asyncio.run(main())
        assert appender.stdin is not None
        appender.stdin.close()


def test_a_closed_subscription_has_no_more(tmp_path: Path) -> None:
    async def main(journal: Journal) -> None:
        await append_soon(journal)
        subscription = Subscription.of(journal)
        assert (await anext(subscription)).position == 1
        waiting = asyncio.ensure_future(anext(subscription, None))
        await asyncio.sleep(0)
        subscription.close()
        subscription.close()
        assert await waiting is None
        await append_soon(journal)
        assert [record async for record in subscription] == []

    with Journal.open(tmp_path / "journal.db") as journal:
        asyncio.run(main(journal))


def test_a_finished_subscription_gives_what_is_committed_first(tmp_path: Path) -> None:
    async def main(journal: Journal) -> None:
        for _ in range(3):
            await append_soon(journal)
        with closing(Subscription.of(journal)) as subscription:
            assert (await anext(subscription)).position == 1
            subscription.finish()
            assert [record.position async for record in subscription] == [2, 3]

    with Journal.open(tmp_path / "journal.db") as journal:
        asyncio.run(main(journal))


def _long(head: int) -> list[Draft]:
    """A megabyte."""
    return [draft(n, data=f'"{"x" * 1000}"') for n in range(head + 1, head + 1001)]


def test_a_follower_that_takes_its_time_costs_no_memory(tmp_path: Path) -> None:
    """Twenty megabytes are committed behind its back."""

    async def main(journal: Journal) -> int:
        with closing(Subscription.of(journal)) as subscription:
            await append_soon(journal)
            await anext(subscription)
            for here in range(1, 20_000, 1000):
                await journal.append(_long(here), expected=here, durable=False)
            tracemalloc.start()
            taken = 0
            while taken < 2000:
                await anext(subscription)
                taken += 1
            return tracemalloc.get_traced_memory()[1]

    with Journal.open(tmp_path / "journal.db") as journal:
        try:
            peak = asyncio.run(main(journal))
        finally:
            tracemalloc.stop()
    assert peak < 3_000_000


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _replace(path: Path) -> None:
    other = path.with_name("other.db")
    fill(other, 40)
    other.replace(path)


@pytest.mark.parametrize("spoil", [_remove, _replace])
def test_a_journal_that_is_removed_or_replaced_is_an_error(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "journal.db"
    fill(path, 5)

    async def main() -> None:
        with closing(Subscription.beside(path)) as subscription:
            for _ in range(5):
                await anext(subscription)
            spoil(path)
            with pytest.raises(JournalUnusable, match="removed or replaced while it was being followed"):
                await anext(subscription)

    asyncio.run(main())


@pytest.mark.parametrize("spoil", [_remove, _replace])
def test_blocking_followers_are_told_of_it_too(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "journal.db"
    fill(path, 5)
    following = follow(path, pause=lambda: spoil(path))
    assert [next(following).position for _ in range(5)] == [1, 2, 3, 4, 5]
    with pytest.raises(JournalUnusable, match="removed or replaced while it was being followed"):
        next(following)


def test_there_is_nothing_to_follow_without_a_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="there is no such file"):
        next(follow(tmp_path / "none.db"))
