"""A manager whose model answers at once and remembers what it was sent; texts, journal and rules are real."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import bursar
from bursar.domain.events import Event
from bursar.domain.models.values import Description, Residency
from bursar.domain.ports import ChatRequest, Chunk, Message, ToolCall, Truncation
from bursar.eventstore.reader import Reader
from bursar.projections.history import events
from bursar.projections.replay import replay
from bursar.projections.verify import verify
from bursar.testing.simulated import SimulatedSensor

from ...intake.managers import Instant

#: Far longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 30


class Talker(Instant):
    """Says what it is told to say, else a number; counts four tokens for a message and one for a word."""

    def __init__(self, window: int = 2048, *, real_window: int | None = None) -> None:
        super().__init__({"a": 100, "b": 100})
        self.window = window
        self.real_window = real_window or window
        self.sent: list[Sequence[Message]] = []
        #: What it says next.
        self.script: list[str | Exception | tuple[ToolCall, ...]] = []
        #: What it says of its prompt having been cut.
        self.cut: Truncation | None = None
        #: It says half of its answer, and waits until this is set.
        self.pause: asyncio.Event | None = None
        self.half = asyncio.Event()

    async def describe(self, model: str) -> Description:
        described = await super().describe(model)
        return described.model_copy(update={"context_tokens": self.window, "slots": 1})

    async def load(self, description: Description) -> Residency:
        residency = await super().load(description)
        return residency.model_copy(update={"context_tokens": self.real_window, "slots": 1})

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.sent.append(list(request.messages))
        prompt = sum(4 + len(message.content.split()) for message in request.messages)
        if prompt > self.real_window:
            raise bursar.ContextTooLarge(model=model, prompt_tokens=prompt, context_tokens=self.real_window)
        said = self.script.pop(0) if self.script else f"answer {len(self.sent)}"
        if isinstance(said, Exception):
            raise said
        text, calls = (said, ()) if isinstance(said, str) else ("", said)
        if self.pause is not None:
            yield Chunk(text=text[:3])
            self.half.set()
            await self.pause.wait()
            text = text[3:]
        yield Chunk(text=text)
        yield Chunk(
            done=True,
            finish_reason="stop",
            prompt_tokens=prompt if self.cut is None else self.cut.prompt_tokens,
            completion_tokens=2,
            tool_calls=calls,
            truncation=self.cut,
        )


@asynccontextmanager
async def talking(
    folder: Path, talker: Talker | None = None, **settings: Any
) -> AsyncGenerator[bursar.ResourceManager, None]:
    """A manager of two models, `sim:a` and `sim:b`, with its journal in the folder."""
    provider = talker or Talker()
    sensor = SimulatedSensor(provider, "sim", total_bytes=1 << 30)
    chosen = bursar.Settings(limits={"idle_price": 0}, retry={"max_attempts": 1}).changed(**settings)
    path = folder / "journal.db"
    async with bursar.open(path, chosen, providers={"sim": provider}, sensor=sensor) as manager:
        yield manager


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, with a limit to its time."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await work()

    asyncio.run(bounded())


def history(folder: Path) -> list[Event]:
    """Everything in the journal, which folds and decides alike once more."""
    path = folder / "journal.db"
    with closing(Reader(path)) as reader:
        assert replay(reader).equal
        found = list(events(reader))
    assert verify(path).ok
    return found


def bodies(folder: Path, *names: str) -> list[Any]:
    """The events of some names, without what surrounds them."""
    return [event.body for event in history(folder) if event.body.name in names]


def files_with(folder: Path, canary: str) -> list[str]:
    """Files below a folder in which a text occurs."""
    wanted = canary.encode()
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and wanted in path.read_bytes())


def user(text: str) -> Message:
    """What the user says."""
    return Message("user", text)


def assistant(text: str) -> Message:
    """What the model says."""
    return Message("assistant", text)


def dialogue(turns: int) -> list[Message]:
    """A conversation with a fact in each of its turns."""
    said: list[Message] = []
    for number in range(turns):
        said.append(user(f"What about parcel {number}, is it still on its way to town {number % 7}?"))
        said.append(
            assistant(f"Parcel {number} left on 2024-05-{number % 28 + 1:02} with number TR{number:05}.")
        )
    return said
