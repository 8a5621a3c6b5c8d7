"""What an owner asks before it decides: was this command taken, and when was the last event."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.memory import MemoryStore
from bursar.eventstore.port import EventStore

from ..eventstore.helpers import step

Make = Callable[[], EventStore]


@pytest.fixture(params=["sqlite", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens a store; the one in files has what was in it before."""
    return MemoryStore if request.param == "memory" else lambda: Journal.open(tmp_path / "journal.db")


def test_a_command_is_taken_from_the_moment_it_has_its_positions(make: Make) -> None:
    async def main() -> None:
        with make() as store:
            assert store.taken("c") is None
            store.append_now(step(0), expected=0)
            appended = store.append(step(3), expected=3, durable=False, command="c")
            assert store.committed == 3
            assert store.taken("c") == (4, 6)
            await appended
            assert store.taken("c") == (4, 6)
            assert store.taken("d") is None

    asyncio.run(main())


def test_a_command_is_taken_for_ever(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.append_now(step(0), expected=0, command="c")
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.taken("c") == (1, 3)


def test_a_closed_store_does_not_say_what_was_taken(make: Make) -> None:
    store = make()
    store.append_now(step(0), expected=0, command="c")
    store.close()
    with pytest.raises(JournalUnusable):
        store.taken("c")


def test_the_time_of_the_head_is_that_of_the_last_event_given_a_place(make: Make) -> None:
    async def main() -> None:
        with make() as store:
            assert store.at == 0
            appended = store.append(step(0), expected=0, durable=False)
            assert (store.committed, store.at) == (0, 3000)
            await appended
            assert store.at == 3000

    asyncio.run(main())


def test_the_time_of_the_head_is_known_when_a_journal_is_opened(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.append_now(step(0), expected=0)
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.at == 3000
