"""Servers with OpenAI's API."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bursar.adapters.providers.openai import OpenAIProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.ports import ChatRequest, Message
from bursar.testing.provider.openai import Quirks, build
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

from .. import real_llamacpp
from .world import Contract, Opening, Simulated

CONTEXT = 8192


def _opening(quirks: Quirks) -> Callable[[ProviderTimeouts], AbstractAsyncContextManager[Contract]]:
    @asynccontextmanager
    async def opened(timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
        world = World([Installed("llm", context=CONTEXT), Installed("vectors", kind="embedding")])
        async with serving(build(world, quirks)) as server:
            provider = OpenAIProvider(f"{server.url}/v1", name="openai:lab", key="key", timeouts=timeouts)
            simulated = Simulated(
                world,
                server,
                status="/v1/models",
                health="/v1/models",
                chat="/v1/chat/completions",
                catalogue="/v1/models",
                embed="/v1/embeddings",
            )
            too_long = ChatRequest([Message("user", "x" * 4 * (CONTEXT + 1))], max_tokens=8)
            yield Contract(provider, llm="llm", embedding="vectors", simulated=simulated, too_long=too_long)

    return opened


@asynccontextmanager
async def _real(timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
    """llama.cpp's server, which speaks OpenAI's dialect beside its own."""
    provider = OpenAIProvider(real_llamacpp.shared(), name="openai:llamacpp", timeouts=timeouts)
    too_long = ChatRequest([Message("user", "x y " * real_llamacpp.WINDOW)], max_tokens=8)
    yield Contract(
        provider, llm=real_llamacpp.NAME, embedding=real_llamacpp.NAME, too_long=too_long, knows_all=True
    )


OPENINGS = (
    Opening("openai", _opening(Quirks(key="key"))),
    Opening(
        "openai-odd",
        _opening(
            Quirks(pings=True, crlf=True, done=False, usage="finish", window="meta", numbers_calls=False)
        ),
    ),
    Opening("openai-llamacpp-real", _real, skip=real_llamacpp.MISSING),
)
