"""A simulated llama-server and the adapter that talks to it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from bursar.adapters.providers.llamacpp import LlamaCppServer
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError
from bursar.domain.models.values import Residency
from bursar.domain.ports import ChatRequest, Chunk, Message
from bursar.testing.provider.llamacpp import Flags, RouterFlags, build, build_router
from bursar.testing.provider.serving import Serving, serving
from bursar.testing.provider.world import Installed, Instance, World

#: Far longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 20
CALM = ProviderTimeouts(status_s=10, load_s=10, unload_s=10, idle_s=10)
HASTY = ProviderTimeouts(status_s=5, load_s=0.1, unload_s=0.1, idle_s=5)

HELLO = ChatRequest([Message("user", "Hello world")], max_tokens=8)
ENDLESS = ChatRequest([Message("user", "Hello world")], max_tokens=100_000)
TWO = (Installed("a"), Installed("b"))


@dataclass(slots=True)
class Here:
    """One opened world."""

    world: World
    server: Serving
    provider: LlamaCppServer

    async def load(self, model: str) -> Residency:
        return await self.provider.load(await self.provider.describe(model))

    async def ask(self, model: str, request: ChatRequest = HELLO) -> list[Chunk]:
        async with aclosing(self.provider.chat(model, request)) as chunks:
            return [chunk async for chunk in chunks]

    async def failure(self, action: Coroutine[object, object, object]) -> BursarError:
        with pytest.raises(BursarError) as caught:
            await action
        return caught.value

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self.world.changes()

    async def send(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A request as anybody could make it."""
        async with plain_client(self.server.url) as client:
            return await client.request(method, path, json=body)

    def paths(self, method: str) -> list[str]:
        """What was asked of the server in that way, in order."""
        return [path for asked, path, _ in self.world.requests if asked == method]

    @property
    def instance(self) -> Instance:
        """The only one in memory."""
        (instance,) = self.world.instances.values()
        return instance


async def rest(chunks: AsyncGenerator[Chunk, None]) -> list[Chunk]:
    """What is still to come of an answer."""
    return [chunk async for chunk in chunks]


def plain_client(url: str, **headers: str) -> httpx.AsyncClient:
    """A client that is not ours. It uses no connection twice: llama.cpp closes them without a word."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"Connection": "close", **headers},
        timeout=PATIENCE_S,
        verify=False,  # noqa: S501 plain HTTP on loopback; reading certificates would take long
    )


@asynccontextmanager
async def single(
    flags: Flags | None = None,
    *,
    loading: bool = False,
    alias: str | None = "llm",
    key: str | None = None,
    timeouts: ProviderTimeouts = CALM,
) -> AsyncGenerator[Here, None]:
    """A server with the model `llm`; with `loading` it is on its way into memory."""
    world = World([Installed("llm", context=16384)])
    if loading:
        world.may_load.clear()
    flags = flags or Flags()
    flags.alias = alias
    async with serving(build(world, flags)) as server:
        provider = LlamaCppServer(server.url, key=key, timeouts=timeouts)
        yield Here(world, server, provider)
        await provider.close()


@asynccontextmanager
async def router(
    flags: RouterFlags | None = None,
    *,
    models: tuple[Installed, ...] = TWO,
    timeouts: ProviderTimeouts = CALM,
) -> AsyncGenerator[Here, None]:
    """A router for the models `a` and `b`."""
    world = World(models)
    async with serving(build_router(world, flags)) as server:
        provider = LlamaCppServer(server.url, timeouts=timeouts)
        yield Here(world, server, provider)
        await provider.close()


def run(test: Callable[[], Coroutine[object, object, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test()

    asyncio.run(bounded())
