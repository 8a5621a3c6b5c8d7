"""A manager without a machine: facts go through the kernel into a real journal; orders succeed if told to."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from bursar.domain.events import Event, Fact
from bursar.domain.host.events import (
    ManagerReconciled,
    ManagerStarted,
    MetricsSampled,
    SettingsChanged,
    StateDigested,
    TimerFired,
)
from bursar.domain.kernel import Origin, initial, step
from bursar.domain.models.events import ModelDescribed, ModelLoaded, ModelUnloaded
from bursar.domain.models.machine import ModelState
from bursar.domain.models.values import RAM, Description, DeviceReading, Reading, Residency
from bursar.domain.requests.events import RequestArrived, RequestFinished
from bursar.domain.settings import Settings
from bursar.domain.state import State
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft
from bursar.projections.history import digest, fold, to_draft

GIB = 1 << 30
NS_PER_MS = 1_000_000
#: 2026-10-01T12:00:00Z.
START = 1_790_856_000_000_000_000


class World:
    """Time stands still except where it is told to pass."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: What becomes of a batch before it is written: a journal that was not written by these rules.
        self.forge: Callable[[list[Event]], list[Event]] = list
        self.state: State = initial()
        self.now = START
        self.journal = Journal.open(path, clock_ns=lambda: self.now)
        self._unwritten: list[Draft] = []

    @classmethod
    def started(cls, path: Path, settings: Settings | None = None) -> Self:
        """A manager that serves, on a machine with 16 GiB of which others use 2."""
        world = cls(path)
        world.take_over()
        world.record(SettingsChanged(settings=settings or Settings()), actor="ada")
        world.sample(2)
        world.record(ManagerReconciled())
        return world

    def record(self, fact: Fact, *, actor: str = "bursar", origin: Origin | None = None) -> int:
        """Take a step; returns the position of the fact. It is written down by `write`, all at once."""
        taken = step(self.state, fact, at=self.now, actor=actor, origin=origin)
        events = self.forge(list(taken.events))
        self._unwritten += map(to_draft, events)
        self.state = fold(events, self.state)
        return taken.fact.position

    def take_over(self) -> None:
        """A process takes over the journal."""
        self.record(
            ManagerStarted(
                pid=4711,
                host="study",
                code_version="0.1.0",
                code_fingerprint="f" * 64,
                python="3.11.7",
                sqlite="3.54.1",
            )
        )

    def wait(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now += milliseconds * NS_PER_MS

    def tick(self) -> None:
        """A timer fires."""
        self.record(TimerFired())

    def sample(self, used_gib: int, **models: int) -> None:
        """The machine is read."""
        ram = DeviceReading(device=RAM, total_bytes=16 * GIB, used_bytes=used_gib * GIB)
        self.record(
            MetricsSampled(reading=Reading(devices=(ram,), cpu_per_mille=125, cores=4, models=models))
        )

    def describe(self, model: str, gib: int, slots: int = 1) -> None:
        """A provider says how large a model is."""
        description = Description(
            model=model,
            digest=f"sha256:{model}",
            engine="fake 1",
            device=RAM,
            weights_bytes=gib * GIB,
            kv_bytes_per_token=0,
            context_tokens=4096,
            overhead_bytes=0,
            slots=slots,
            provenance="gguf header",
        )
        self.record(ModelDescribed(description=description))

    def ask(self, model: str, agent: str = "", deadline_ms: int | None = None) -> int:
        """A request arrives; returns its id."""
        return self.record(
            RequestArrived(model=model, purpose="chat", agent=agent, deadline_ms=deadline_ms),
            actor=agent or "user",
        )

    def finish(self, request: int, held_ms: int = 1000) -> None:
        """Whoever holds the lease is done with it."""
        self.wait(held_ms)
        body = RequestFinished(
            request=request, outcome="completed", held_ms=held_ms, prompt_tokens=12, completion_tokens=30
        )
        self.record(body, origin=Origin(request, request))

    def load(self, model: str, load_ms: int = 4000) -> None:
        """The load that was ordered comes to its end."""
        self.wait(load_ms)
        residency = self.residency(model, self.state.models[model].memory[RAM])
        self.record(ModelLoaded(model=model, residency=residency, load_ms=load_ms), origin=self._order(model))

    def unload(self, model: str, unload_ms: int = 200) -> None:
        """The unload that was ordered comes to its end."""
        self.wait(unload_ms)
        self.record(ModelUnloaded(model=model, unload_ms=unload_ms), origin=self._order(model))

    def residency(self, model: str, size: int) -> Residency:
        """What a provider reports of a model in memory."""
        return Residency(
            model=model,
            digest=f"sha256:{model}",
            memory={RAM: size},
            provenance="rss",
            context_tokens=4096,
            slots=known.slots if (known := self.state.models[model].description) else 1,
        )

    def settle(self) -> None:
        """Carry out every order until there is none."""
        while orders := [model for model in self.state.models.values() if model.intent]:
            for model in orders:
                carry_out = self.load if model.state is ModelState.LOADING else self.unload
                carry_out(model.name)

    def serve(self, model: str, agent: str = "") -> int:
        """A request from its arrival to its end."""
        request = self.ask(model, agent)
        self.settle()
        self.finish(request)
        return request

    def write_digest(self, recorded: str | None = None) -> int:
        """Record the digest of the live state, or another one."""
        return self.record(StateDigested(digest=recorded or digest(self.state)))

    def write(self) -> None:
        """Commit what was recorded."""
        if self._unwritten:
            self.journal.append_now(self._unwritten, expected=self.journal.head)
            self._unwritten = []

    def close(self) -> None:
        """Write what was recorded, and let go of the journal."""
        self.write()
        self.journal.close()

    def _order(self, model: str) -> Origin | None:
        intent = self.state.models[model].intent
        return None if intent is None else Origin(intent, intent)


def evicting(path: Path) -> World:
    """Three models, room for two: `ada` asks for `fake:new`, `fake:rare` leaves, and `bob` wants it again."""
    world = World.started(path)
    for model in ("fake:busy", "fake:rare", "fake:new"):
        world.describe(model, 5)
    world.serve("fake:rare", "bob")
    world.wait(60_000)
    for _ in range(3):
        world.serve("fake:busy", "bob")
        world.wait(10_000)
    world.serve("fake:new", "ada")
    world.write_digest()
    world.wait(180_000)
    world.serve("fake:rare", "bob")
    world.write_digest()
    return world
