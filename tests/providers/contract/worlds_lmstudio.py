"""LM Studio: of today, with `/api/v1`, and as it was before 0.4.0."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from bursar.adapters.providers.lmstudio import LmStudioProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.ports import Message
from bursar.testing.provider.lmstudio import Switches, build
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

from .world import HELLO, Contract, Opening, Simulated

LLM, VECTORS = "qwen/small", "text-embedding-tiny"
TOO_LONG = replace(HELLO, messages=[Message("user", "far too long " * 4000)])


@asynccontextmanager
async def _open(timeouts: ProviderTimeouts, *, v1: bool) -> AsyncGenerator[Contract, None]:
    world = World([Installed(LLM), Installed(VECTORS, kind="embedding")])
    models = "/api/v1/models" if v1 else "/api/v0/models"
    async with serving(build(world, Switches(v1=v1))) as server:
        provider = LmStudioProvider(server.url, timeouts=timeouts)
        simulated = Simulated(
            world,
            server,
            status=models,
            health=models,
            chat="/v1/chat/completions",
            load="/api/v1/models/load" if v1 else None,
            unload="/api/v1/models/unload" if v1 else None,
            catalogue=models,
            embed="/v1/embeddings",
        )
        yield Contract(
            provider,
            llm=LLM,
            embedding=VECTORS,
            simulated=simulated,
            too_long=TOO_LONG,
            loads_by_itself=not v1,
        )


OPENINGS = (
    Opening("lmstudio-v1", partial(_open, v1=True)),
    Opening("lmstudio-v0", partial(_open, v1=False)),
)
