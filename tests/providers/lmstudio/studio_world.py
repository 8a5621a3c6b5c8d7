"""A simulated LM Studio with an adapter in front of it, and a bare client beside it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.port import Answer
from bursar.adapters.providers.lmstudio import LmStudioProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError
from bursar.domain.models.values import Residency
from bursar.domain.ports import ChatRequest, Chunk, Message
from bursar.testing.provider.lmstudio import Switches, build
from bursar.testing.provider.serving import Serving, serving
from bursar.testing.provider.world import Installed, Instance, World

#: Far longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 20
LLM, OTHER, VECTORS = "qwen/small", "llama-other", "text-embedding-tiny"
MODELS, LOAD, UNLOAD = "/api/v1/models", "/api/v1/models/load", "/api/v1/models/unload"
CHAT = "/v1/chat/completions"
#: Tokens of its API, one that it was given and another.
GIVEN, STRANGE = "sk-lm-given", "sk-lm-strange"
HELLO = ChatRequest([Message("user", "Hello world")], max_tokens=4)
ENDLESS = ChatRequest([Message("user", "Hello world")], max_tokens=100_000)


@dataclass(slots=True)
class Studio:
    """What a test looks at."""

    world: World
    switches: Switches
    server: Serving
    provider: LmStudioProvider
    http: HttpClient
    lost: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def load(self, model: str = LLM) -> Residency:
        return await self.provider.load(await self.provider.describe(model))

    async def ask(self, request: ChatRequest = HELLO, model: str = LLM) -> list[Chunk]:
        async with aclosing(self.provider.chat(model, request)) as chunks:
            return [chunk async for chunk in chunks]

    async def failure(self, action: Coroutine[Any, Any, object]) -> BursarError:
        with pytest.raises(BursarError) as caught:
            await action
        return caught.value

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """As somebody else, with the switches' token."""
        return await self.http.request("POST", path, json=body)

    async def get(self, path: str) -> Any:
        return (await self.http.request("GET", path)).json()

    async def events(self, body: Mapping[str, object]) -> list[dict[str, Any]]:
        """Of a streamed `/api/v1/chat`; each is named in the frame as in its data."""
        found: list[dict[str, Any]] = []
        stream = self.http.stream("POST", "/api/v1/chat", json={**body, "stream": True})
        async with stream as answer, aclosing(answer.events()) as events:
            async for event in events:
                data = json.loads(event.data)
                assert event.event == data["type"]
                found.append(data)
        return found

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self.world.changes()

    def bodies(self, path: str) -> list[Any]:
        return [body for _, where, body in self.world.requests if where == path]

    def instance(self, name: str = LLM) -> Instance:
        return self.world.instances[name]


Test = Callable[[Studio], Coroutine[object, object, None]]


def run(
    test: Test,
    switches: Switches | None = None,
    timeouts: ProviderTimeouts | None = None,
    **options: Any,
) -> None:
    """In a world of its own, with patience."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S), opened(switches or Switches(), timeouts, **options) as here:
            await test(here)

    asyncio.run(bounded())


@asynccontextmanager
async def opened(
    switches: Switches, timeouts: ProviderTimeouts | None = None, **options: Any
) -> AsyncGenerator[Studio, None]:
    world = World([Installed(LLM), Installed(OTHER), Installed(VECTORS, kind="embedding")])
    token = {"Authorization": f"Bearer {switches.token}"} if switches.token else {}
    async with serving(build(world, switches)) as server:
        provider = LmStudioProvider(server.url, timeouts=timeouts, **options)
        here = Studio(world, switches, server, provider, HttpClient(server.url, headers=token))
        await provider.start(lambda model, cause: here.lost.append((model, cause)))
        try:
            yield here
        finally:
            await provider.close()
            await here.http.close()


def held(event: asyncio.Event) -> AbstractAsyncContextManager[None]:
    """Clear an event for a block."""

    @asynccontextmanager
    async def block() -> AsyncGenerator[None, None]:
        event.clear()
        try:
            yield
        finally:
            event.set()

    return block()
