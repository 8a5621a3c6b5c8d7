"""Servers of vLLM's."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.adapters.providers.vllm import VllmProvider
from bursar.domain.ports import ChatRequest, Message
from bursar.testing.provider.serving import serving
from bursar.testing.provider.vllm import Switches, build
from bursar.testing.provider.world import Installed, World

from .world import Contract, Opening, Simulated

#: It refuses an answer that could grow out of its window, and the suite asks for endless ones.
CONTEXT = 131_072


def _opening(switches: Switches) -> Callable[[ProviderTimeouts], AbstractAsyncContextManager[Contract]]:
    @asynccontextmanager
    async def opened(timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
        world = World([Installed("llm", context=CONTEXT)])
        async with serving(build(world, switches)) as server:
            provider = VllmProvider(
                server.url, key="key", gpu="gpu0", reserved_bytes=switches.reserved, timeouts=timeouts
            )
            simulated = Simulated(
                world,
                server,
                status="/v1/models",
                health="/health",
                chat="/v1/chat/completions",
                catalogue="/v1/models",
                embed="/v1/embeddings",
            )
            too_long = ChatRequest([Message("user", "x" * 4 * (CONTEXT + 1))], max_tokens=8)
            yield Contract(provider, llm="llm", simulated=simulated, too_long=too_long)

    return opened


OPENINGS = (
    Opening("vllm", _opening(Switches(key="key"))),
    Opening("vllm-old", _opening(Switches(version="0.8.5", old=True, modes=False, lag=2))),
)
