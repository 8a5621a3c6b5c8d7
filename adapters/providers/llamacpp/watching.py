"""Waiting for a model of a router to change: what its list says counts, its events say when to look."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from ...http.failures import HttpFailure
from ..wire.fields import record, string
from .quiet import Quiet
from .reading import Listed

#: Between two looks at the list, when no event comes: the first and the longest.
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.05, 0.5


class Watching:
    """Ears on one model. Events may be missed, or there may be none (older ones): that only costs time."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._heard = asyncio.Event()
        #: When a load was last heard to have come further, by the loop's clock.
        self._progress_at = asyncio.get_running_loop().time()

    async def until(
        self, look: Callable[[], Awaitable[Listed]], settled: Callable[[Listed], bool], patience_s: float
    ) -> Listed:
        """Look until it has settled. Raises `TimeoutError` after `patience_s` without any progress."""
        loop = asyncio.get_running_loop()
        self._progress_at, pause_s = loop.time(), _FIRST_LOOK_S
        while True:
            self._heard.clear()
            entry = await look()
            if settled(entry):
                return entry
            left_s = self._progress_at + patience_s - loop.time()
            if left_s <= 0:
                raise TimeoutError
            await self._next(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_LOOK_S)

    async def _next(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._heard.wait()
        except TimeoutError:
            return

    async def listen(self, http: Quiet, idle_s: float) -> None:
        """Hear events until cancelled, or until there are no more."""
        try:
            async with http.stream("GET", "/models/sse", idle_s=idle_s) as answer:
                if answer.status != 200:
                    return
                async with aclosing(answer.events()) as events:
                    async for event in events:
                        self.hear(event.data)
        except HttpFailure:
            return

    def hear(self, data: bytes) -> None:
        """Take in one event."""
        try:
            said = record(json.loads(data))
        except ValueError:
            return
        if string(said.get("model")) == self._model:
            if record(record(said.get("data")).get("progress")):
                self._progress_at = asyncio.get_running_loop().time()
            self._heard.set()


@asynccontextmanager
async def watching(http: Quiet, model: str, idle_s: float) -> AsyncGenerator[Watching, None]:
    """Listen for a block."""
    ears = Watching(model)
    listening = asyncio.create_task(ears.listen(http, idle_s))
    try:
        yield ears
    finally:
        listening.cancel()
        await asyncio.wait({listening})
