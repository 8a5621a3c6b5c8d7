"""A provider of real models, for a test to look at."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import psutil
import pytest

from bursar.adapters.providers.llama import LlamaProvider
from bursar.domain.errors import BursarError
from bursar.domain.models.values import Residency
from bursar.domain.ports import ChatRequest, Chunk, Message

#: Far longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 30
HELLO = ChatRequest([Message("user", "Hello world")], max_tokens=8, seed=1)
#: The likeliest token each time: never the one that ends the answer, which chance would draw before long.
ENDLESS = replace(HELLO, max_tokens=1_000_000, temperature=0.0)
#: Room enough for an answer that takes longer than a test looks at it.
LONG = 16_384


class World:
    """A provider in a loop of its own, and what it told us."""

    def __init__(self, provider: LlamaProvider) -> None:
        self.provider = provider
        self.lost: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def load(self, model: str) -> Residency:
        return await self.provider.load(await self.provider.describe(model))

    async def ask(self, model: str, request: ChatRequest = HELLO) -> list[Chunk]:
        async with aclosing(self.provider.chat(model, request)) as chunks:
            return [chunk async for chunk in chunks]

    async def failure(self, action: Coroutine[object, object, object]) -> BursarError:
        with pytest.raises(BursarError) as caught:
            await action
        return caught.value


@asynccontextmanager
async def world(provider: LlamaProvider) -> AsyncGenerator[World, None]:
    """Start the provider, and unload everything in the end."""
    here = World(provider)
    await provider.start(lambda model, cause: here.lost.put_nowait((model, cause)))
    try:
        yield here
    finally:
        for residency in await provider.resident():
            await provider.unload(residency.model)
        await provider.close()


def within_patience(test: Callable[[], Coroutine[object, object, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test()

    asyncio.run(bounded())


def children() -> list[psutil.Process]:
    """Processes of ours that run the child's program."""
    return [child for child in psutil.Process().children() if "child.py" in " ".join(child.cmdline())]
