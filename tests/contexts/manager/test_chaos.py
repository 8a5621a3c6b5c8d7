"""All that can be done with contexts, by chance and at once; the model takes only what is valid."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import bursar
from bursar.contexts.conversing import Select
from bursar.contexts.relieving import Strategy
from bursar.domain.contexts import spans, structure
from bursar.domain.contexts.entries import every
from bursar.domain.contexts.machine import ContextState
from bursar.domain.contexts.values import Genre, Method
from bursar.domain.ports import Message

from .strict import Strict
from .support import history, run, talking

SEEDS = range(int(os.environ.get("BURSAR_CHAOS_FROM", "0")), int(os.environ.get("BURSAR_CHAOS_SEEDS", "2")))
#: Of one course; between courses the manager is closed and opened again.
STEPS, COURSES = 18, 3
NAMES = ("talk", "work")

_SELECTS: tuple[Select, ...] = ("importance", "query")
_METHODS: tuple[Method, ...] = ("extractive", "model")
_STRATEGIES: tuple[Strategy, ...] = ("standard", "aggressive")


class Client:
    """Somebody who holds conversations, does what can be done with them, and knows what was said."""

    def __init__(
        self, manager: bursar.ResourceManager, model: Strict, rng: random.Random, seen: "Seen"
    ) -> None:
        self._manager = manager
        self._model = model
        self._rng = rng
        self._seen = seen
        self._talking = {name: asyncio.Lock() for name in NAMES}

    async def step(self, name: str) -> None:
        """One of the things that can be done, by chance."""
        deeds: list[tuple[int, Callable[[str], Awaitable[object]]]] = [
            (8, self._turn),
            (2, self._cancelled),
            (3, self._add),
            (2, self._pin),
            (2, self._prune),
            (2, self._compress),
            (2, self._put_back),
            (2, self._manager.move_to_cache),
            (1, self._manager.restore_context),
            (1, self._shrunk),
        ]
        [(_, deed)] = self._rng.choices(deeds, [weight for weight, _ in deeds])
        self._seen.story.append(f"{name}: {getattr(deed, '__name__', deed)}")
        try:
            await deed(name)
        except bursar.BursarError as error:
            self._seen.story.append(f"{name}: {error.code} {error}")

    async def _turn(self, name: str) -> None:
        async with self._talking[name]:
            await self._answer_calls(name)
            said = Message("user", self._words("Where is it?"))
            select: Select = self._rng.choice(_SELECTS)
            answer = await self._manager.chat_in(name, self._seen.say(said), select=select, max_tokens=64)
            while answer.tool_calls:
                await self._answer_calls(name)
                answer = await self._manager.chat_in(name, max_tokens=64)

    async def _cancelled(self, name: str) -> None:
        # Whoever does not know what was called cannot give the results.
        self._model.may_call = False
        turn = asyncio.ensure_future(self._turn(name))
        for _ in range(self._rng.randrange(60)):
            await asyncio.sleep(0)
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        self._model.may_call = True

    async def _add(self, name: str) -> None:
        async with self._talking[name]:
            await self._answer_calls(name)
            said = [Message("user", self._words("By the way")), Message("assistant", self._words("I see"))]
            for message in said:
                importance = self._rng.choice((None, 0.0, 0.4, 1.0))
                await self._manager.add_message(name, self._seen.say(message), importance=importance)

    async def _pin(self, name: str) -> None:
        context = self._manager.context(name)
        entries = list(every(context.entries))
        pinned = [number for number, entry in enumerate(entries) if entry.pinned]
        ordinal = self._rng.choice(list(spans.ordinals(context.window)))
        # Few, and short ones: what is pinned is never left out.
        if len(pinned) < 4 and entries[ordinal].tokens < 60:
            await self._manager.pin_message(name, ordinal)
        elif pinned:
            await self._manager.pin_message(name, self._rng.choice(pinned), pinned=False)

    async def _prune(self, name: str) -> None:
        tokens = self._manager.context(name).tokens * self._rng.randrange(20, 100) // 100
        query = self._rng.choice((None, "Which order goes to town 3?"))
        await self._manager.prune_context(name, target_tokens=tokens, query=query)

    async def _compress(self, name: str) -> None:
        method: Method = self._rng.choice(_METHODS)
        await self._manager.compress_context(name, method=method, keep_last=self._rng.choice((2, 10)))

    async def _put_back(self, name: str) -> None:
        context = self._manager.context(name)
        sent = frozenset(spans.ordinals(context.window))
        left = [n for n, entry in enumerate(every(context.entries)) if n not in sent and not entry.summary]
        if left:
            await self._manager.restore_messages(name, self._rng.sample(left, min(len(left), 3)))

    async def _shrunk(self, name: str) -> None:
        await self._manager.optimize_memory(strategy=self._rng.choice(_STRATEGIES))

    async def _answer_calls(self, name: str) -> None:
        """Give the results of all calls that have none, in any order."""
        window = await self._manager.messages(name)
        waiting: list[str] = []
        for message in window:
            waiting += [call.id for call in message.tool_calls]
            if message.tool_call_id is not None:
                waiting.remove(message.tool_call_id)
        self._rng.shuffle(waiting)
        for call in waiting:
            said = Message("tool", self._words('{"status": "sent"}'), tool_call_id=call)
            await self._manager.add_message(name, self._seen.say(said))

    def _words(self, begin: str) -> str:
        number = self._rng.randrange(1000)
        return (
            f"{begin} Order TR{number:05}, "
            + f"parcel {number} of ann@example.org. " * self._rng.randrange(6)
        )


class Seen:
    """What was said, by anybody; and how it came to that."""

    def __init__(self) -> None:
        self.said: set[Message] = set()
        self.story: list[str] = []

    def say(self, message: Message) -> Message:
        """Remember a message that is about to be said."""
        self.said.add(message)
        return message


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_done_the_model_is_sent_what_is_valid_and_nothing_is_lost(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    model, seen = Strict(rng, 1024), Seen()
    originals: dict[str, list[Message]] = {}

    async def course() -> None:
        automatic = rng.choice(("extractive", "model", "off"))
        async with talking(tmp_path, model, context={"automatic": automatic}) as manager:
            await _same(manager, originals)
            client = Client(manager, model, rng, seen)
            for name in NAMES:
                genre: Genre = "agent" if name == "work" else "dialogue"
                await manager.open_context(name, model="sim:a", genre=genre, reserve_tokens=100)
                if name not in originals:
                    for said in (Message("system", f"You are {name}."), Message("user", "Hello.")):
                        await manager.add_message(name, seen.say(said))
            for _ in range(STEPS):
                steps = [client.step(rng.choice(NAMES)) for _ in range(rng.choice((1, 1, 2, 3)))]
                await asyncio.gather(*steps)
                assert model.wrong == []
                for name in NAMES:
                    _valid(manager, name)
            for name in NAMES:
                originals[name] = await _whole(manager, name, seen)

    try:
        for _ in range(COURSES):
            run(course)
        history(tmp_path)
    except BaseException as error:
        error.add_note(f"seed {seed}")
        error.add_note("\n".join(seen.story[-25:]))
        raise
    assert len(model.sent) > 5


def _valid(manager: bursar.ResourceManager, name: str) -> None:
    context = manager.context(name)
    assert structure.problems(context.entries, context.window) == ()
    sent = frozenset(spans.ordinals(context.window))
    entries = list(every(context.entries))
    assert context.tokens == sum(entries[ordinal].tokens for ordinal in sent)
    users = [n for n, entry in enumerate(entries) if entry.role == "user" and not entry.summary]
    for ordinal, entry in enumerate(entries):
        if entry.role == "system" or entry.pinned or ordinal == users[-1]:
            assert ordinal in sent, f"{ordinal} of {name} is left out"


async def _whole(manager: bursar.ResourceManager, name: str, seen: Seen) -> list[Message]:
    """All that was ever added: each was said by somebody, and what is sent is of it."""
    while True:
        context = manager.context(name)
        entries = list(every(context.entries))
        found = [await manager.message(name, ordinal) for ordinal in range(len(entries))]
        window = await manager.messages(name)
        # Whoever was cancelled may have been given his answer meanwhile.
        if manager.context(name) is context:
            break
    for entry, message in zip(entries, found, strict=True):
        assert entry.summary or message.role == "assistant" or message in seen.said
    assert window == [found[ordinal] for ordinal in spans.ordinals(context.window)]
    return found


async def _same(manager: bursar.ResourceManager, originals: dict[str, list[Message]]) -> None:
    for name, known in originals.items():
        assert manager.context(name).state in (ContextState.ACTIVE, ContextState.CACHED)
        now = [await manager.message(name, ordinal) for ordinal in range(len(known))]
        assert now == known
