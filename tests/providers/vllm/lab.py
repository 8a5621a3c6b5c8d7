"""A server of vLLM's, and its adapter."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from bursar.adapters.http.client import HttpClient
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.adapters.providers.vllm import VllmProvider
from bursar.domain.ports import ChatRequest, Chunk, Message
from bursar.testing.provider.serving import Serving, serving
from bursar.testing.provider.vllm import Switches, build
from bursar.testing.provider.world import Installed, World

HELLO = ChatRequest([Message("user", "Hello you")], max_tokens=2)
ENDLESS = ChatRequest([Message("user", "Hello you")], max_tokens=8000)
CALM = ProviderTimeouts(status_s=10, load_s=10, unload_s=10, idle_s=10)
#: For tests in which something never happens; each lasts about this long.
HASTY = ProviderTimeouts(status_s=10, load_s=0.2, unload_s=0.2, idle_s=10)


@dataclass(frozen=True, slots=True)
class Lab:
    """All there is of it."""

    provider: VllmProvider
    world: World
    server: Serving
    #: Somebody else's way to it.
    other: HttpClient

    async def ask(self, request: ChatRequest = HELLO, model: str = "llm") -> list[Chunk]:
        async with aclosing(self.provider.chat(model, request)) as chunks:
            return [chunk async for chunk in chunks]

    async def until_busy(self, count: int) -> None:
        """Wait until so many requests are being answered."""
        while sum(instance.busy for instance in self.world.instances.values()) != count:
            await self.world.changes()

    def asleep(self) -> bool:
        """Whether it really sleeps."""
        return self.world.instances["llm"].asleep

    def paths(self, *among: str) -> list[str]:
        """Of the requests so far, those to one of these paths, in order."""
        return [path for _, path, _ in self.world.requests if path.partition("?")[0] in among]


def with_vllm(
    test: Callable[[Lab], Coroutine[Any, Any, object]],
    switches: Switches | None = None,
    *,
    model: Installed | None = None,
    timeouts: ProviderTimeouts = CALM,
    **options: Any,
) -> None:
    """Run a test against a server that has just started."""

    async def run() -> None:
        world = World([model or Installed("llm")])
        async with asyncio.timeout(30), serving(build(world, switches)) as server:
            lab = Lab(
                VllmProvider(server.url, timeouts=timeouts, **options), world, server, HttpClient(server.url)
            )
            try:
                await test(lab)
            finally:
                await lab.provider.close()
                await lab.other.close()

    asyncio.run(run())
