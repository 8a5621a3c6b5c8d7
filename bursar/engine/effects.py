"""Carries out what was decided: loads and unloads. The outcome is the next fact."""

import asyncio
from collections.abc import Coroutine

from ..adapters.logs import get_logger
from ..domain.errors import BursarError, ProviderTimeout
from ..domain.events import Event, Fact
from ..domain.kernel import Origin
from ..domain.models.events import (
    Leave,
    ModelFound,
    ModelLoaded,
    ModelLoadFailed,
    ModelLoadStarted,
    ModelLost,
    ModelSlept,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelUnloadStarted,
    ModelWakeFailed,
    ModelWoken,
)
from ..domain.models.machine import ModelState
from ..domain.models.values import Residency
from ..domain.ports import Sensor
from ..domain.requests.line import NS_PER_MS
from ..providers import Directory
from .comparing import hand_of
from .engine import Engine
from .measuring import Before, Measuring
from .retrying import require_passage, retry_after_ms

_log = get_logger("bursar.effects")

#: A provider that has not said by then what it holds is asked to load all the same.
_LIST_S = 10.0


class Effects:
    """Runs the effects of committed decisions, each in a task of its own."""

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self._engine = engine
        self._directory = directory
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._measuring = Measuring(engine)
        #: Positions after this one are this manager's.
        self._began = engine.state.position
        #: Models whose load was given up, and may come to its end all the same.
        self._late: set[str] = set()

    def hear(self, event: Event) -> None:
        """Start what a committed decision asks for."""
        match event.body:
            case ModelLoadStarted(model=model, how="wake"):
                self._start(event, self._wake(event, model))
            case ModelLoadStarted(model=model):
                self._start(event, self._load(event, model))
            case ModelUnloadStarted(model=model, how=how):
                self._start(event, self._unload(event, model, how))
            case _:
                pass

    def lost(self, model: str, cause: str) -> None:
        """A provider says that a model vanished. While one loads or unloads, its own outcome tells."""
        known = self._engine.state.models.get(model)
        if known and known.state in (ModelState.READY, ModelState.DRAINING, ModelState.SLEEPING):
            self._submit(ModelLost(model=model, cause_text=cause, origin=hand_of(known)), None)

    def measure_with(self, sensor: Sensor) -> None:
        """Read the machine before and after loads from here on."""
        self._measuring.sensor = sensor

    def awaits(self, intent: int) -> bool:
        """Whether the outcome of an intent will be heard: it is of this manager, and not of one before."""
        return intent > self._began

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
        before = self._measuring.begin()
        try:
            residency, late = await self._loaded(model)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is the outcome
            code, cause = _explain(error)
            if isinstance(error, ProviderTimeout):
                self._late.add(model)
            wait_ms = retry_after_ms(error)
            fact = ModelLoadFailed(model=model, code=code, cause_text=cause, retry_after_ms=wait_ms)
            self._outcome(intent, model, fact)
            return
        finally:
            self._measuring.end()
        residency = residency.model_copy(update={"model": model})
        if late:
            self._outcome(intent, model, ModelFound(model=model, residency=residency))
            return
        self._outcome(intent, model, ModelLoaded(model=model, residency=residency, load_ms=self._ms(started)))
        self._measure(intent, model, before, residency)

    async def _loaded(self, model: str) -> tuple[Residency, bool]:
        """Load it, unless a load that was given up has come to its end meanwhile; whether that is so."""
        require_passage(self._engine.state, model)
        target = self._directory.find(model)
        if model in self._late:
            async with asyncio.timeout(_LIST_S):
                held = await target.provider.resident()
            self._late.discard(model)
            for residency in held:
                if residency.model == target.name and not residency.leaving:
                    return residency, True
        description = self._engine.state.models[model].description or await target.describe()
        return await target.provider.load(description.model_copy(update={"model": target.name})), False

    async def _wake(self, intent: Event, model: str) -> None:
        started = self._engine.clock.now()
        self._measuring.begin()
        target = self._directory.find(model)
        try:
            residency = await target.provider.wake(target.name)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is the outcome
            code, cause = _explain(error)
            self._outcome(intent, model, ModelWakeFailed(model=model, code=code, cause_text=cause))
            return
        finally:
            self._measuring.end()
        residency = residency.model_copy(update={"model": model})
        self._outcome(intent, model, ModelWoken(model=model, residency=residency, wake_ms=self._ms(started)))

    async def _unload(self, intent: Event, model: str, how: Leave) -> None:
        started = self._engine.clock.now()
        self._measuring.begin()
        target = self._directory.find(model)
        try:
            asleep = await target.provider.sleep(target.name) if how == "sleep" else None
            if how == "unload":
                await target.provider.unload(target.name)
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises is the outcome
            self._outcome(intent, model, ModelUnloadFailed(model=model, cause_text=_explain(error)[1]))
            return
        finally:
            self._measuring.end()
        fact: Fact = ModelUnloaded(model=model, unload_ms=self._ms(started))
        if asleep is not None:
            residency = asleep.model_copy(update={"model": model})
            fact = ModelSlept(model=model, residency=residency, sleep_ms=self._ms(started))
        self._outcome(intent, model, fact)

    def _ms(self, since: int) -> int:
        return (self._engine.clock.now() - since) // NS_PER_MS

    def _measure(self, intent: Event, model: str, before: Before | None, residency: Residency) -> None:
        fact = self._measuring.measured(model, before, residency)
        if fact is not None:
            self._submit(fact, Origin(intent.position, intent.correlation))

    def _outcome(self, intent: Event, model: str, fact: Fact) -> None:
        """Record an outcome that is still awaited; a late load is a model that was found in memory."""
        origin = Origin(intent.position, intent.correlation)
        known = self._engine.state.models[model]
        if known.intent == intent.position:
            self._submit(fact, origin)
        elif isinstance(fact, ModelLoaded) and known.state in (ModelState.ABSENT, ModelState.FAILED):
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
