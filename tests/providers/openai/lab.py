"""A server with OpenAI's API, and its adapter."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

from bursar.adapters.providers.openai import OpenAIProvider
from bursar.domain.ports import ChatRequest, Chunk, Message
from bursar.testing.provider.openai import Quirks, build
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

HELLO = ChatRequest([Message("user", "Hello you")], max_tokens=2)
ANSWER = (Chunk(text="w0 "), Chunk(text="w1 "))
LAST = Chunk(done=True, finish_reason="length", prompt_tokens=3, completion_tokens=2, cached_tokens=0)
UNCOUNTED = Chunk(done=True, finish_reason="length")


def with_provider(
    talk: Callable[[OpenAIProvider, World], Coroutine[Any, Any, object]],
    quirks: Quirks | None = None,
    *,
    world: World | None = None,
    **options: Any,
) -> None:
    """Have a conversation with a server through its adapter."""

    async def test() -> None:
        here = world or World([Installed("llm", context=64), Installed("vectors", kind="embedding")])
        async with asyncio.timeout(30), serving(build(here, quirks)) as server:
            provider = OpenAIProvider(f"{server.url}/v1/", name="openai:lab", **options)
            try:
                await talk(provider, here)
            finally:
                await provider.close()

    asyncio.run(test())


async def ask(provider: OpenAIProvider, request: ChatRequest = HELLO, model: str = "llm") -> list[Chunk]:
    async with aclosing(provider.chat(model, request)) as chunks:
        return [chunk async for chunk in chunks]
