"""llama.cpp's own server, with one model and as a router: the simulators, and the real one with one model."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bursar.adapters.providers.llamacpp import LlamaCppServer
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.ports import ChatRequest, Message
from bursar.testing.provider.llamacpp import Flags, RouterFlags, build, build_router
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

from .. import real_llamacpp
from .world import Contract, Opening, Simulated

#: Longer than the window of any slot here.
TOO_LONG = ChatRequest([Message("user", "much to say " * 6000)], max_tokens=8)
EVERYTHING = Flags(alias="llm", embeddings=True, slot_save_path="/slots", metrics=True)


@asynccontextmanager
async def _everything(timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
    """One model, and every flag that switches something on."""
    world = World([Installed("llm", context=16384)])
    async with serving(build(world, EVERYTHING)) as server:
        provider = LlamaCppServer(server.url, timeouts=timeouts)
        simulated = Simulated(
            world,
            server,
            status="/v1/models",
            health="/props",
            chat="/v1/chat/completions",
            catalogue="/v1/models",
            embed="/v1/embeddings",
        )
        yield Contract(provider, llm="llm", embedding="llm", simulated=simulated, too_long=TOO_LONG)


@asynccontextmanager
async def _router(timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
    world = World([Installed("llm", context=16384), Installed("vectors", kind="embedding")])
    async with serving(build_router(world, RouterFlags(slot_save_path="/slots"))) as server:
        provider = LlamaCppServer(server.url, timeouts=timeouts)
        simulated = Simulated(
            world,
            server,
            status="/models",
            health="/props",
            chat="/v1/chat/completions",
            load="/models/load",
            unload="/models/unload",
            catalogue="/models",
            embed="/v1/embeddings",
        )
        yield Contract(
            provider, llm="llm", embedding="vectors", simulated=simulated, too_long=TOO_LONG, says_why=False
        )


@asynccontextmanager
async def _real(timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
    provider = LlamaCppServer(real_llamacpp.shared(), timeouts=timeouts)
    yield Contract(provider, llm=real_llamacpp.NAME, embedding=real_llamacpp.NAME, too_long=TOO_LONG)


OPENINGS = (
    Opening("llamacpp", _everything),
    Opening("llamacpp-router", _router),
    Opening("llamacpp-real", _real, skip=real_llamacpp.MISSING),
)
