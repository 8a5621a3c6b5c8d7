"""An adapter and the simulated Ollama behind it, for a test to look at."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bursar.adapters.http.client import HttpClient
from bursar.adapters.providers.ollama import OllamaProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError
from bursar.domain.models.values import Residency
from bursar.domain.ports import ChatRequest, Chunk, Message
from bursar.testing.provider.ollama import Switches, build
from bursar.testing.provider.serving import Serving, serving
from bursar.testing.provider.world import GIB, Installed, World

PATIENCE_S = 30
HELLO = ChatRequest([Message("user", "Hello world")], max_tokens=8, seed=1)
#: The sizes differ, so that what is reported of one is not taken for another's.
MODELS = (
    Installed("llama:8b", size=5 * GIB, context=131072),
    Installed("small", size=GIB),
    Installed("vectors", size=GIB // 4, kind="embedding", context=2048),
)


@dataclass(slots=True)
class Here:
    """All that a test needs."""

    provider: OllamaProvider
    world: World
    switches: Switches
    server: Serving
    #: Asks as somebody else does.
    other: HttpClient

    async def load(self, model: str = "small") -> Residency:
        return await self.provider.load(await self.provider.describe(model))

    async def ask(self, request: ChatRequest = HELLO, model: str = "small") -> list[Chunk]:
        async with aclosing(self.provider.chat(model, request)) as chunks:
            return [chunk async for chunk in chunks]

    async def failure(self, action: Coroutine[Any, Any, object]) -> BursarError:
        with pytest.raises(BursarError) as caught:
            await action
        return caught.value

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self.world.changes()

    async def post(self, path: str, **body: object) -> tuple[int, Any]:
        """Ask it what somebody else asks it."""
        answer = await self.other.request("POST", path, json={"stream": False, **body})
        return answer.status, answer.json()

    async def get(self, path: str) -> Any:
        return (await self.other.request("GET", path)).json()

    def bodies(self, path: str) -> list[Any]:
        """Of all requests there, in order."""
        return [body for _, where, body in self.world.requests if where == path]


def running(
    test: Callable[[Here], Coroutine[object, object, None]],
    switches: Switches | None = None,
    *,
    timeouts: ProviderTimeouts | None = None,
    **options: Any,
) -> None:
    """Run a test in a world of its own; `options` are the adapter's."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S), _here(switches or Switches(), timeouts, options) as here:
            await test(here)

    asyncio.run(bounded())


@asynccontextmanager
async def _here(
    switches: Switches, timeouts: ProviderTimeouts | None, options: dict[str, Any]
) -> AsyncGenerator[Here, None]:
    world = World(MODELS)
    async with serving(build(world, switches)) as server:
        provider = OllamaProvider(server.url, timeouts=timeouts, **options)
        other = HttpClient(server.url)
        await provider.probe()
        try:
            yield Here(provider, world, switches, server, other)
        finally:
            await other.close()
            await provider.close()
