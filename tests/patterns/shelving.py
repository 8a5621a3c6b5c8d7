"""A shelf of patterns on a real journal and real texts, without a manager around it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from bursar.adapters.clock import SystemClock
from bursar.contexts.vault import Vault
from bursar.domain.contexts.settings import PatternSettings
from bursar.domain.errors import BursarError
from bursar.domain.events import Event, Fact
from bursar.domain.host.events import ManagerReconciled, ManagerStopped
from bursar.domain.settings import Settings
from bursar.engine.engine import Engine
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.patterns.shelf import PatternShelf
from bursar.projections.history import events, fold
from bursar.testing.facts import configured, started


class Life:
    """One life of a manager, as far as patterns go."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self.engine = engine
        self.vault = vault
        self.shelf = PatternShelf(engine, vault)

    async def store(self, name: str, text: str, **fields: Any) -> None:
        """Store a prompt."""
        given: dict[str, Any] = {"sort": "prompt", "importance": 500, "agent": "", **fields}
        await self.shelf.store(name, text.encode(), **given)

    async def take(self, fact: Fact) -> None:
        """Something happens."""
        await self.engine.submit(fact).committed

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what follows from what happened."""
        async with asyncio.timeout(10):
            while not holds():
                await self.engine.until(lambda _event: True)

    async def texts_deleted(self) -> None:
        """Wait until nothing is left to delete."""
        await self.until(lambda: not self.engine.state.patterns.leaving)

    async def problem(self, name: str, address: str) -> str:
        """Code of the error that reading a text at an address leads to; empty when it is there."""
        try:
            await self.vault.do(lambda shelf: shelf.bodies.get(f"pattern/{name}", address))
        except BursarError as error:
            return error.code
        return ""


Work = Callable[[Life], Awaitable[None]]


def living(folder: Path, *lives: Work, deaf: bool = False, **patterns: Any) -> list[Event]:
    """One life after another on a journal; everything in it. `deaf`: nothing follows from decisions."""
    path = folder / "journal.db"

    async def one(work: Work) -> None:
        with Journal.open(path) as store:
            state = fold(history(folder))
            engine = Engine(store, state, SystemClock(state.at))
            vault = Vault(store.path)
            life = Life(engine, vault)
            if not deaf:
                engine.listen(life.shelf.hear)
            for fact in (started(), configured(Settings(patterns=PatternSettings(**patterns)))):
                engine.submit(fact)
            await engine.submit(ManagerReconciled()).committed
            if not deaf:
                life.shelf.begin()
            try:
                await work(life)
            finally:
                await life.shelf.close()
                await engine.submit(ManagerStopped()).committed
                engine.stop()
                await vault.close()

    for work in lives:
        asyncio.run(one(work))
    return history(folder)


def history(folder: Path) -> list[Event]:
    """Everything in the journal."""
    with closing(Reader(folder / "journal.db")) as reader:
        return list(events(reader))


def of(recorded: list[Event], kind: type[Any]) -> list[Any]:
    """The events of a type."""
    return [event.body for event in recorded if isinstance(event.body, kind)]
