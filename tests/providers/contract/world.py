"""What the contract suite asks of a provider's world, and how it is opened.

A provider's helper adds `worlds_<like>.py` beside this file, with `OPENINGS: tuple[Opening, ...]`; nothing
else needs to be told. An opening yields a `Contract`: the adapter (not started), the names of models to use,
and the simulator behind it where there is one. Tests of what cannot be had there are skipped, and say why.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pytest

from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError
from bursar.domain.models.values import Residency
from bursar.domain.ports import ChatRequest, Chunk, Message, Provider
from bursar.testing.provider.serving import Serving
from bursar.testing.provider.world import World

#: Far longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 30
#: Patient adapters, for tests in which nothing hangs.
CALM = ProviderTimeouts(status_s=10, load_s=20, unload_s=10, idle_s=20)
#: For those in which something does, and nothing of the kind has to succeed; such a test lasts that long.
HASTY_STATUS = replace(CALM, status_s=0.1)
HASTY_LOAD = replace(CALM, load_s=0.1)
HASTY_UNLOAD = replace(CALM, unload_s=0.2)
HASTY_STREAM = replace(CALM, idle_s=0.1)

HELLO = ChatRequest([Message("user", "Hello world")], max_tokens=8, seed=1)
ENDLESS = ChatRequest([Message("user", "Hello world")], max_tokens=100_000, temperature=0.0)


@dataclass(frozen=True, slots=True)
class Simulated:
    """The simulator behind an adapter, and the paths by which faults are switched there."""

    world: World
    server: Serving
    #: Where the answer to `resident` comes from.
    status: str
    #: Where `probe` asks first.
    health: str
    chat: str
    #: None where there is no such call.
    load: str | None = None
    unload: str | None = None
    catalogue: str | None = None
    embed: str | None = None


class Adapter(Provider, Protocol):
    """A provider that has a name of ours, as all have."""

    @property
    def name(self) -> str: ...


@dataclass(slots=True)
class Contract:
    """One provider, as the suite sees it. Models are in the provider's own names."""

    provider: Adapter
    #: A model that chats.
    llm: str
    #: One that only makes vectors, where there is one.
    embedding: str | None = None
    unknown: str = "no-such-model"
    #: None for the real thing.
    simulated: Simulated | None = None
    #: A prompt that cannot fit the window that `llm` is loaded with; None where that costs too much.
    too_long: ChatRequest | None = None
    #: It loads a model that is chatted with, and nothing that the adapter could do prevents that.
    loads_by_itself: bool = False
    #: It lists any name it is asked for, or none: there are no unknown models.
    knows_all: bool = False
    #: It says why a load failed, and not only that it did.
    says_why: bool = True
    #: What the adapter told of models that vanished.
    lost: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def needs(self, *abilities: str) -> None:
        """Skip the test where one of them is not among the capabilities."""
        missing = [name for name in abilities if not getattr(self.provider.capabilities, name)]
        if missing:
            pytest.skip(f"{self.provider.name} has no {' and no '.join(missing)}")

    def simulator(self) -> Simulated:
        """The simulator; skips the test where the real thing is behind the adapter."""
        if self.simulated is None:
            pytest.skip(f"{self.provider.name} is real: what this test breaks cannot be broken there")
        return self.simulated

    async def load(self, model: str | None = None) -> Residency | None:
        """Have the model in memory; None where the provider does that, or has it always."""
        if not self.provider.capabilities.load:
            return None
        return await self.provider.load(await self.provider.describe(model or self.llm))

    async def ask(self, request: ChatRequest = HELLO, model: str | None = None) -> list[Chunk]:
        async with aclosing(self.provider.chat(model or self.llm, request)) as chunks:
            return [chunk async for chunk in chunks]

    async def failure(self, action: Coroutine[Any, Any, object]) -> BursarError:
        """The error it raises: one of ours, or the test fails."""
        with pytest.raises(BursarError) as caught:
            await action
        return caught.value

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the simulator's world is like that."""
        world = self.simulator().world
        while not holds():
            await world.changes()


Open = Callable[[ProviderTimeouts], AbstractAsyncContextManager[Contract]]


@dataclass(frozen=True, slots=True)
class Opening:
    """A world that can be opened, as often as one likes, each time new."""

    name: str
    open: Open
    #: Why it cannot be opened here, such as an environment variable that is not set.
    skip: str = ""

    def run(
        self, test: Callable[[Contract], Coroutine[object, object, None]], timeouts: ProviderTimeouts = CALM
    ) -> None:
        """Open it, start its adapter, run the test; every model that was loaded is unloaded in the end."""
        if self.skip:
            pytest.skip(self.skip)

        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE_S), self.open(timeouts) as here, _started(here):
                await test(here)

        asyncio.run(bounded())


@asynccontextmanager
async def _started(here: Contract) -> AsyncGenerator[None, None]:
    await here.provider.start(lambda model, cause: here.lost.append((model, cause)))
    # Capabilities are those of the last probe.
    await here.provider.probe()
    try:
        yield
    finally:
        if here.simulated is None and here.provider.capabilities.unload:
            for residency in await here.provider.resident():
                await here.provider.unload(residency.model)
        await here.provider.close()
