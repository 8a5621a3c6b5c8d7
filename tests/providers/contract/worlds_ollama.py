"""Ollama: as it is, as it was, and the real one where there is one."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from bursar.adapters.providers.ollama import OllamaProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.ports import ChatRequest, Message
from bursar.testing.provider.ollama import Switches, build
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

from .world import Contract, Opening, Simulated

#: A real Ollama, and two of its models: `BURSAR_TEST_OLLAMA=http://127.0.0.1:11434,tiny:latest,vectors:latest`.
_REAL = os.environ.get("BURSAR_TEST_OLLAMA", "")
_NOT_HERE = "set BURSAR_TEST_OLLAMA to URL,MODEL or URL,MODEL,EMBEDDING-MODEL to test a real Ollama"
_TOO_LONG = ChatRequest([Message("user", "abcdefgh " * 8000)], max_tokens=4)


@asynccontextmanager
async def _simulated(version: str, timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
    world = World([Installed("llm:8b"), Installed("vectors:latest", kind="embedding")])
    async with serving(build(world, Switches(version=version))) as server:
        simulated = Simulated(
            world,
            server,
            status="/api/ps",
            health="/api/version",
            chat="/api/chat",
            load="/api/generate",
            unload="/api/generate",
            catalogue="/api/tags",
            embed="/api/embed",
        )
        yield Contract(
            OllamaProvider(server.url, timeouts=timeouts),
            llm="llm:8b",
            embedding="vectors:latest",
            simulated=simulated,
            too_long=_TOO_LONG,
        )


@asynccontextmanager
async def _real(timeouts: ProviderTimeouts) -> AsyncGenerator[Contract, None]:
    url, llm, *embedding = _REAL.split(",")
    provider = OllamaProvider(url, context_tokens=2048, timeouts=timeouts)
    yield Contract(provider, llm=llm, embedding=embedding[0] if embedding else None, too_long=_TOO_LONG)


OPENINGS = (
    Opening("ollama", partial(_simulated, "0.32.15")),
    Opening("ollama-0.12", partial(_simulated, "0.12.11")),
    Opening("real-ollama", _real, skip="" if _REAL else _NOT_HERE),
)
