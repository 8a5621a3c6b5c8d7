"""Carries out what was decided: loads and unloads. The outcome is the next fact."""

import asyncio
from collections.abc import Coroutine

from ..adapters.logs import get_logger
from ..domain.errors import BursarError
from ..domain.events import Event, Fact
from ..domain.kernel import Origin
from ..domain.models.events import (
    ModelFound,
    ModelLoaded,
    ModelLoadFailed,
    ModelLoadStarted,
    ModelLost,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelUnloadStarted,
)
from ..domain.models.machine import ModelState
from ..domain.models.values import Residency
from ..domain.requests.line import NS_PER_MS
from ..providers import Directory
from .engine import Engine

_log = get_logger("bursar.effects")


class Effects:
    """Runs the effects of committed decisions, each in a task of its own."""

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self._engine = engine
        self._directory = directory
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def hear(self, event: Event) -> None:
        """Start what a committed decision asks for."""
        match event.body:
            case ModelLoadStarted(model=model):
                self._start(event, self._load(event, model))
            case ModelUnloadStarted(model=model):
                self._start(event, self._unload(event, model))
            case _:
                pass

    def lost(self, model: str, cause: str) -> None:
        """A provider says that a model vanished. While one loads or unloads, its own outcome tells."""
        known = self._engine.state.models.get(model)
        if known and known.state in (ModelState.READY, ModelState.DRAINING):
            self._submit(ModelLost(model=model, cause_text=cause), None)

    async def cancel(self) -> None:
        """Give up what is still running; the next start finds out what became of it."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, intent: Event, effect: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(effect, name=f"{intent.body.name} {intent.position}")
        self._tasks[intent.position] = task
        task.add_done_callback(lambda _done: self._tasks.pop(intent.position, None))

    async def _load(self, intent: Event, model: str) -> None:
        started = self._engine.clock.now()
        target = self._directory.find(model)
        description = self._engine.state.models[model].description or await target.describe()
        try:
            residency = await target.provider.load(description.model_copy(update={"model": target.name}))
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is the outcome
            code, cause = _explain(error)
            self._outcome(intent, model, ModelLoadFailed(model=model, code=code, cause_text=cause))
            return
        residency = residency.model_copy(update={"model": model})
        load_ms = (self._engine.clock.now() - started) // NS_PER_MS
        self._outcome(intent, model, ModelLoaded(model=model, residency=residency, load_ms=load_ms))

    async def _unload(self, intent: Event, model: str) -> None:
        started = self._engine.clock.now()
        target = self._directory.find(model)
        try:
            await target.provider.unload(target.name)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is the outcome
            self._outcome(intent, model, ModelUnloadFailed(model=model, cause_text=_explain(error)[1]))
            return
        unload_ms = (self._engine.clock.now() - started) // NS_PER_MS
        self._outcome(intent, model, ModelUnloaded(model=model, unload_ms=unload_ms))

    def _outcome(self, intent: Event, model: str, fact: Fact) -> None:
        """Record an outcome that is still awaited; a late load is a model that was found in memory."""
        origin = Origin(intent.position, intent.correlation)
        known = self._engine.state.models[model]
        if known.intent == intent.position:
            self._submit(fact, origin)
        elif isinstance(fact, ModelLoaded) and known.state is ModelState.ABSENT:
            self._submit(_found(fact.model, fact.residency), origin)

    def _submit(self, fact: Fact, origin: Origin | None) -> None:
        try:
            self._engine.submit(fact, origin=origin)
        except BursarError as error:
            # The journal is closed or broken: the next start compares it with what the providers hold.
            _log.warning("outcome not recorded", fact=fact.name, error=str(error))


def _found(model: str, residency: Residency) -> ModelFound:
    return ModelFound(model=model, residency=residency)


def _explain(error: Exception) -> tuple[str, str]:
    """Code and cause of a failed effect; an error that is not ours is a fault of the adapter."""
    if isinstance(error, BursarError):
        return error.code, str(error.values.get("cause", error))
    _log.error("adapter failed", exc_info=error)
    return "SYSTEM_ERROR", f"{type(error).__name__}: {error}"
