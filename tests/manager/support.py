"""A manager on a real engine, for tests."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import bursar
from bursar.domain.events import Event
from bursar.eventstore.reader import Reader
from bursar.projections.history import events
from bursar.testing.gguf import write_model

#: Bytes that hold one of the small models, and not two.
ROOM_FOR_ONE = 70_000_000

HELLO = [{"role": "user", "content": "Hello world"}]


def make_models(folder: Path, *names: str) -> Path:
    """Write small models, and return their folder."""
    for seed, name in enumerate(names):
        write_model(folder / f"{name}.gguf", seed=seed, name=name)
    return folder


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncGenerator[bursar.ResourceManager, None]:
    """A manager for the models in `folder/models`, with its journal in `folder`."""
    llama = {"folder": str(folder / "models"), "context_tokens": 1024}
    chosen = bursar.Settings(providers={"discover": False, "llama": llama}, **settings)
    async with bursar.open(folder / "journal.db", chosen) as manager:
        yield manager


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def main() -> None:
        await work()

    asyncio.run(main())


def history(folder: Path) -> list[Event]:
    """Everything in the journal."""
    with closing(Reader(folder / "journal.db")) as reader:
        return list(events(reader))


def names(recorded: list[Event], subject: str) -> list[str]:
    """Names of the events about a subject, in order."""
    return [event.body.name for event in recorded if event.body.subject(event.position) == subject]
