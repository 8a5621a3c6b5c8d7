"""Journals of a manager to which anything may happen, in an order that a seed decides."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from bursar.domain.host.events import ManagerReconciled, ManagerStopping, SettingsChanged
from bursar.domain.kernel import Origin
from bursar.domain.models.events import (
    FreeRequested,
    ModelFound,
    ModelLoadFailed,
    ModelLost,
    ModelUnloadFailed,
    PinChanged,
    UnloadRequested,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.models.state import Model
from bursar.domain.requests.events import RequestCancelled
from bursar.domain.settings import Eviction, Limits, Settings

from .world import GIB, World

MODELS = ("fake:a", "fake:b", "fake:c", "fake:d", "fake:e")
_POLICIES = ("hybrid", "lru", "lfu", "priority")


def wander(path: Path, seed: int, until: int = 200) -> World:
    """A world at about that position, its journal open."""
    wanderer = Wanderer(World.started(path), Random(seed))
    wanderer.go_on(until)
    return wanderer.world


class Wanderer:
    """Does one thing after another, whatever is possible."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        for model in MODELS:
            world.describe(model, random.randint(1, 6), slots=random.randint(1, 2))
        self._often: list[Callable[[], None]] = [self._ask, self._carry_out, self._carry_out, self._finish]
        self._seldom: list[Callable[[], None]] = [
            self._sample,
            self._tick,
            self._wish,
            self._lose,
            self._configure,
            self._cancel,
            self._find,
            self._restart,
        ]

    def go_on(self, until: int) -> None:
        """Go on until the journal is that long."""
        while self.world.state.position < until:
            self.world.wait(self.random.choice((0, 5, 700, 20_000, 400_000)))
            self.random.choice(self._often if self.random.random() < 0.85 else self._seldom)()

    def _ask(self) -> None:
        deadline_ms = self.random.choice((None, None, 5_000))
        self.world.ask(self.random.choice(MODELS), self.random.choice(("ada", "bob")), deadline_ms)

    def _carry_out(self) -> None:
        model = self._model(lambda model: model.intent is not None)
        if model is None:
            return
        origin = Origin(model.intent or 0, model.intent or 0)
        fails = self.random.random() < 0.1
        if model.state is ModelState.LOADING and fails:
            body = ModelLoadFailed(model=model.name, code="MODEL_LOAD_FAILED", cause_text="out of luck")
            self.world.record(body, origin=origin)
        elif model.state is ModelState.LOADING:
            self.world.load(model.name, self.random.randint(100, 9_000))
        elif fails:
            self.world.record(ModelUnloadFailed(model=model.name, cause_text="it hangs"), origin=origin)
        else:
            self.world.unload(model.name)

    def _finish(self) -> None:
        running = [request for request in self.world.state.requests.values() if not request.waiting]
        if running:
            self.world.finish(self.random.choice(running).position, self.random.randint(10, 9_000))

    def _cancel(self) -> None:
        if self.world.state.requests:
            request = self.random.choice(list(self.world.state.requests))
            self.world.record(RequestCancelled(request=request), origin=Origin(request, request))

    def _sample(self) -> None:
        own = {model.name: model.memory.get("ram", 0) + GIB // 10 for model in self.world.state.resident()}
        used = sum(own.values()) // GIB + self.random.randint(1, 6)
        self.world.sample(used, **own)

    def _tick(self) -> None:
        self.world.tick()

    def _wish(self) -> None:
        model = self.random.choice(MODELS)
        bodies = (
            UnloadRequested(model=model),
            FreeRequested(),
            PinChanged(model=model, pinned=True),
            *(PinChanged(model=other, pinned=False) for other in MODELS),
        )
        self.world.record(self.random.choice(bodies), actor="ada")

    def _lose(self) -> None:
        model = self._model(lambda model: model.state in (ModelState.READY, ModelState.DRAINING))
        if model is not None:
            self.world.record(ModelLost(model=model.name, cause_text="killed by signal 9"))

    def _find(self) -> None:
        model = self._model(lambda model: model.state is ModelState.ABSENT)
        if model is not None:
            self.world.record(ModelFound(model=model.name, residency=self.world.residency(model.name, GIB)))

    def _configure(self) -> None:
        limits = Limits(max_models_loaded=self.random.randint(2, 4), idle_price_ms_per_gib_hour=10_000)
        policy = self.random.choice(_POLICIES)
        settings = Settings.model_validate(
            {"limits": limits, "eviction": Eviction.model_validate({"policy": policy})}
        )
        self.world.record(SettingsChanged(settings=settings), actor="ada")

    def _restart(self) -> None:
        """The manager is closed in good order, or is gone all at once."""
        if self.random.random() < 0.5:
            self.world.record(ManagerStopping())
        self.world.write_digest()
        self.world.take_over()
        self.world.record(ManagerReconciled())

    def _model(self, match: Callable[[Model], bool]) -> Model | None:
        found = [model for model in self.world.state.models.values() if match(model)]
        return self.random.choice(found) if found else None
