"""Simulated providers that can be killed and begun anew, and what is watched of them."""

import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bursar
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.models.values import RAM, DeviceReading, Reading
from bursar.domain.ports import ChatRequest, Chunk
from bursar.domain.resilience.gate import refusing
from bursar.eventstore.journal import Journal
from bursar.opening import serve
from bursar.testing.provider.serving import Serving
from bursar.testing.provider.world import GIB, Installed, Timing, World

from .hurrying import Hurried
from .kinds import Kind

#: With as many channels as goes with their sizes: a bound of their keys and values is computed from these.
MODELS = tuple(
    Installed(name, size=size * GIB, kv_heads=16, head_size=128)
    for name, size in (("small", 1), ("large", 4), ("third", 2))
)


class Machine:
    """Implements `domain.ports.Sensor` by what is really in memory, anywhere."""

    def __init__(self, worlds: list[World]) -> None:
        self._worlds = worlds

    def read(self) -> Reading:
        used = sum(each.memory for world in self._worlds for each in world.instances.values())
        ram = DeviceReading(device=RAM, total_bytes=64 * GIB, used_bytes=min(used, 64 * GIB))
        return Reading(devices=(ram,), cpu_per_mille=0, cores=2, models={})


class Watched:
    """A provider, and what was asked of it although its breaker says that it must not be."""

    def __init__(self, provider: Any, prefix: str, told: list[str]) -> None:
        self._provider, self._prefix, self._told = provider, prefix, told
        self.manager: bursar.ResourceManager | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    async def load(self, description: Any) -> Any:
        self._look(f"load of {description.model}")
        return await self._provider.load(description)

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self._look(f"chat with {model}")
        async with aclosing(self._provider.chat(model, request)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _look(self, what: str) -> None:
        if self.manager and refusing(self.manager.state, f"{self._prefix}:any"):
            self._told.append(f"{what} was sent while the breaker refuses")


@dataclass(slots=True)
class Plant:
    """A simulated provider that can be killed and begun anew."""

    kind: Kind
    world: World
    server: Serving
    watched: Watched
    app: Any = None
    #: Faults that may not be on at once with a comparison of bytes.
    measured: bool = True
    stopped: bool = False
    #: Somebody else is at it.
    in_hand: bool = False

    def model(self, rng: random.Random) -> str:
        return f"{self.kind.prefix}:{rng.choice(list(self.world.models))}"

    def begin_anew(self) -> None:
        """As a new process: nothing in memory but what is there from the beginning."""
        self.world.forget_all()
        self.app = self.kind.build(self.world)

    async def start(self) -> None:
        """It listens again."""
        await self.server.start()
        self.stopped = False

    async def kill(self) -> None:
        """It is gone, and with it what it had in memory."""
        self.stopped = True
        await self.server.stop()
        self.begin_anew()


async def plant(kind: Kind, told: list[str], stack: AsyncExitStack, timeouts: ProviderTimeouts) -> Plant:
    """Start one."""
    world = World(MODELS[:1] if kind.single else MODELS, Timing(load=0))
    holder: list[Plant] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await holder[0].app(scope, receive, send)

    server = Serving(app)
    await server.start()
    stack.push_async_callback(server.stop)
    made = Plant(kind, world, server, Watched(kind.adapter(server.url, timeouts), kind.prefix, told))
    holder.append(made)
    made.begin_anew()
    return made


@asynccontextmanager
async def managed(
    folder: Path, loop: Hurried, plants: list[Plant], settings: bursar.Settings
) -> AsyncGenerator[bursar.ResourceManager, None]:
    """A manager of all of them, in the loop's time."""
    providers: dict[str, Any] = {each.kind.prefix: each.watched for each in plants}
    sensor = Machine([each.world for each in plants])
    with Journal.open(folder / "journal.db") as store:
        async with serve(store, settings, providers, sensor=sensor, clock=loop) as manager:
            yield manager
