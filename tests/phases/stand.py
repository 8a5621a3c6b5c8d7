"""A whole manager on a simulated provider: what it believes can be compared with what is."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.adapters.providers.llamacpp import LlamaCppServer
from bursar.adapters.providers.lmstudio import LmStudioProvider
from bursar.adapters.providers.ollama import OllamaProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError
from bursar.domain.events import Event
from bursar.domain.models.machine import RESIDENT
from bursar.domain.models.values import RAM, DeviceReading, Reading
from bursar.domain.ports import Provider
from bursar.eventstore.reader import Reader
from bursar.projections.history import events
from bursar.projections.replay import replay
from bursar.projections.verify import verify
from bursar.testing.provider import llamacpp, lmstudio, ollama
from bursar.testing.provider.serving import Serving, serving
from bursar.testing.provider.world import GIB, Installed, Timing, World

#: Far longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 30
PATIENT = ProviderTimeouts(status_s=10, load_s=20, unload_s=10, idle_s=20)
HELLO = [{"role": "user", "content": "Hello world"}]
MODELS = (Installed("small", size=GIB), Installed("large", size=4 * GIB))
#: Fast, and with nothing that would hide a failure from its caller.
SETTINGS: dict[str, Any] = {
    "limits": {"memory": "16 GiB", "load_cooldown": 0},
    "retry": {"max_attempts": 1},
    "reconcile": {"interval": "20ms"},
    "breaker": {"mode": "off"},
}
#: Where each kind takes a conversation.
CHAT = {"ollama": "/api/chat", "lmstudio": "/v1/chat/completions", "llamacpp": "/v1/chat/completions"}


class Machine:
    """Implements `domain.ports.Sensor` by what is really in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self) -> Reading:
        used = sum(instance.memory for instance in self._world.instances.values())
        ram = DeviceReading(device=RAM, total_bytes=64 * GIB, used_bytes=used)
        return Reading(devices=(ram,), cpu_per_mille=0, cores=2, models={})


@dataclass(slots=True)
class Stand:
    """All that a test needs."""

    kind: str
    manager: bursar.ResourceManager
    world: World
    server: Serving
    switches: Any

    def model(self, name: str = "small") -> str:
        """Our id."""
        return f"{self.kind}:{name}"

    async def chat(
        self, name: str = "small", *, max_tokens: int = 4, deadline_s: float | None = None
    ) -> bursar.Answer:
        return await self.manager.chat(self.model(name), HELLO, max_tokens=max_tokens, deadline_s=deadline_s)

    async def failure(self, action: Awaitable[object]) -> BursarError:
        with pytest.raises(BursarError) as caught:
            await action
        return caught.value

    async def until(self, holds: Callable[[], bool]) -> None:
        """Until something holds: looked at after every event in the journal and every change in the world."""
        changed = asyncio.Event()
        subscription = self.manager.on(None, lambda _event: changed.set())
        try:
            while not holds():
                changed.clear()
                either = [asyncio.ensure_future(self.world.changes()), asyncio.ensure_future(changed.wait())]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                for waiting in either:
                    waiting.cancel()
        finally:
            subscription.cancel()

    def recorded(self, name: str) -> asyncio.Event:
        """Set once the next event of that name is in the journal: the state runs ahead of it."""
        heard = asyncio.Event()
        self.manager.on(name, lambda _event: heard.set())
        return heard

    def believed(self) -> dict[str, int]:
        """Bytes of every model that the manager believes to be in memory, by the provider's names."""
        return {
            name.removeprefix(f"{self.kind}:"): sum(model.memory.values())
            for name, model in self.manager.state.models.items()
            if model.state in RESIDENT
        }

    def held(self) -> dict[str, int]:
        """The same as it really is."""
        return {
            instance.model.name: self.world.reported(instance) for instance in self.world.instances.values()
        }

    async def at_rest(self) -> None:
        """Nothing is leaked, and the ledger comes to be what is really there."""
        await self.until(lambda: not self.world.loading and self.believed().keys() == self.held().keys())
        await self.until(lambda: not any(model.intent for model in self.manager.state.models.values()))
        assert not self.manager.state.requests
        assert not any(model.leases for model in self.manager.state.models.values())
        assert not any(instance.busy for instance in self.world.instances.values())
        assert self.world.violations == []


def running(
    folder: Path,
    test: Callable[[Stand], Awaitable[None]],
    kind: str = "ollama",
    *,
    timeouts: ProviderTimeouts = PATIENT,
    switches: Any = None,
    **settings: Any,
) -> list[Event]:
    """Run a test on a manager of its own; return the journal, which folds and decides alike once more."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S), _stand(folder, kind, timeouts, switches, settings) as stand:
            await test(stand)

    asyncio.run(bounded())
    with closing(Reader(folder / "journal.db")) as reader:
        assert replay(reader).equal
        history = list(events(reader))
    assert verify(folder / "journal.db").ok
    return history


@asynccontextmanager
async def _stand(
    folder: Path, kind: str, timeouts: ProviderTimeouts, switches: Any, settings: dict[str, Any]
) -> AsyncGenerator[Stand, None]:
    world = World(MODELS, Timing(load=0))
    chosen = switches or _switches(kind)
    async with serving(_app(kind, world, chosen)) as server:
        providers = {kind: _provider(kind, server.url, timeouts)}
        limits = bursar.Settings(**SETTINGS).changed(**settings)
        opened = bursar.open(folder / "journal.db", limits, providers=providers, sensor=Machine(world))
        async with opened as manager:
            yield Stand(kind, manager, world, server, chosen)


def _switches(kind: str) -> Any:
    kinds = {"ollama": ollama.Switches, "lmstudio": lmstudio.Switches, "llamacpp": llamacpp.RouterFlags}
    return kinds[kind]()


def _app(kind: str, world: World, switches: Any) -> Any:
    builds: dict[str, Any] = {
        "ollama": ollama.build,
        "lmstudio": lmstudio.build,
        "llamacpp": llamacpp.build_router,
    }
    return builds[kind](world, switches)


def _provider(kind: str, url: str, timeouts: ProviderTimeouts) -> Provider:
    adapters: dict[str, Any] = {
        "ollama": OllamaProvider,
        "lmstudio": LmStudioProvider,
        "llamacpp": LlamaCppServer,
    }
    provider: Provider = adapters[kind](url, timeouts=timeouts)
    return provider


def names(history: list[Event], subject: str) -> list[str]:
    """Names of the events about a subject, in order."""
    return [event.body.name for event in history if event.body.subject(event.position) == subject]
