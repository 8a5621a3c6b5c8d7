"""Facts with defaults, so that a specification says only what it is about."""

from collections.abc import Callable
from typing import Any

from ..domain.host.events import (
    ManagerReconciled,
    ManagerStarted,
    MetricsSampled,
    SettingsChanged,
    TimerFired,
)
from ..domain.models.events import (
    Hand,
    MemoryMeasured,
    ModelDescribed,
    ModelFound,
    ModelLoaded,
    ModelLoadFailed,
    ModelLost,
    ModelSlept,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelWakeFailed,
    ModelWoken,
    ResidencyChanged,
)
from ..domain.models.values import RAM, Description, DeviceReading, Reading, Residency
from ..domain.providers.events import ProviderObserved
from ..domain.providers.values import Capabilities
from ..domain.requests.events import RequestArrived, RequestCancelled, RequestFinished
from ..domain.settings import Limits, Settings
from ..domain.state import State
from .specification import Happening, LateFact

_DEFAULTS = Settings()


def started() -> ManagerStarted:
    """A manager took over."""
    return ManagerStarted(pid=1, host="test", code_version="0", code_fingerprint="0", python="3", sqlite="3")


def running(settings: Settings = _DEFAULTS, /, **limits: Any) -> Happening:
    """A manager that serves, with these settings or these limits."""
    return started(), configured(settings, **limits), ManagerReconciled()


def configured(settings: Settings = _DEFAULTS, /, **limits: Any) -> SettingsChanged:
    """The settings from here on; `limits` are fields of `settings.limits`."""
    changed = Limits(**{**settings.limits.model_dump(), **limits})
    return SettingsChanged(settings=settings.model_copy(update={"limits": changed}))


def described(
    model: str,
    size: int = 100,
    *,
    device: str = RAM,
    slots: int = 1,
    digest: str | None = None,
    engine: str = "test",
) -> ModelDescribed:
    """A provider says that a model takes `size` bytes of a device."""
    description = Description(
        model=model,
        digest=digest or model,
        engine=engine,
        device=device,
        weights_bytes=size,
        kv_bytes_per_token=0,
        context_tokens=1024,
        overhead_bytes=0,
        slots=slots,
        provenance="test",
    )
    return ModelDescribed(description=description)


def resident(model: str, size: int = 100, *, device: str = RAM, slots: int = 1) -> Happening:
    """A model that is in memory, idle, and was used just now."""
    return described(model, size, device=device, slots=slots), found(model)


def found(model: str, size: int | None = None, *, origin: Hand = "own") -> Callable[[State], ModelFound]:
    """A model turns out to be in memory, with the size it is described with unless another is given."""
    return lambda state: ModelFound(model=model, residency=_residency(state, model, size), origin=origin)


def loaded(model: str, size: int | None = None, *, load_ms: int = 1000) -> Callable[[State], ModelLoaded]:
    """A load has come to its end, with the size it was described with unless another was measured."""
    return lambda state: ModelLoaded(model=model, residency=_residency(state, model, size), load_ms=load_ms)


def load_failed(model: str, cause: str = "out of luck") -> ModelLoadFailed:
    """A load has come to nothing."""
    return ModelLoadFailed(model=model, code="MODEL_LOAD_FAILED", cause_text=cause)


def unloaded(model: str) -> ModelUnloaded:
    """A model is gone."""
    return ModelUnloaded(model=model, unload_ms=10)


def unload_failed(model: str, cause: str = "out of luck") -> ModelUnloadFailed:
    """A provider could not unload a model."""
    return ModelUnloadFailed(model=model, cause_text=cause)


def lost(model: str, cause: str = "out of luck") -> ModelLost:
    """A model vanished."""
    return ModelLost(model=model, cause_text=cause)


def arrived(
    model: str, agent: str = "somebody", *, priority: int = 0, deadline_ms: int | None = None
) -> RequestArrived:
    """Somebody wants a model."""
    return RequestArrived(
        model=model, purpose="chat", agent=agent, priority=priority, deadline_ms=deadline_ms
    )


def finished(model: str) -> LateFact:
    """Who has held a model for longest is done with it."""
    return lambda state: RequestFinished(
        request=state.models[model].leases[0], outcome="completed", held_ms=100
    )


def cancelled(model: str) -> LateFact:
    """Who came first of those that want or hold a model goes away."""
    return lambda state: RequestCancelled(
        request=next(request.position for request in state.requests.values() if request.model == model)
    )


def observed(
    provider: str,
    *abilities: str,
    reachable: bool = True,
    version: str = "test",
    max_loaded: int | None = None,
) -> ProviderObserved:
    """A provider says that it can do these things and nothing else; that of the model `a` is called `a`."""
    return ProviderObserved(
        provider=provider,
        reachable=reachable,
        engine=version,
        capabilities=Capabilities(**dict.fromkeys(abilities, True)),
        lacks={},
        code="" if reachable else "PROVIDER_UNAVAILABLE",
        cause_text="" if reachable else "nobody listens",
        max_loaded=max_loaded,
    )


def slept(model: str, size: int = 10, *, device: str = RAM, origin: Hand = "own") -> LateFact:
    """A model sleeps, and takes so much of a device."""
    return lambda state: ModelSlept(
        model=model,
        residency=_residency(state, model, size).model_copy(
            update={"memory": {device: size}, "asleep": True}
        ),
        sleep_ms=10,
        origin=origin,
    )


def woken(model: str, size: int | None = None, *, origin: Hand = "own") -> LateFact:
    """A model is awake again."""
    return lambda state: ModelWoken(
        model=model, residency=_residency(state, model, size), wake_ms=10, origin=origin
    )


def wake_failed(model: str, cause: str = "out of luck") -> ModelWakeFailed:
    """A model could not be woken."""
    return ModelWakeFailed(model=model, code="MODEL_LOAD_FAILED", cause_text=cause)


def changed(model: str, size: int, *, context_tokens: int = 1024) -> LateFact:
    """A model in memory takes something else, or has another window."""
    return lambda state: ResidencyChanged(
        model=model,
        residency=_residency(state, model, size).model_copy(update={"context_tokens": context_tokens}),
    )


def sensed(
    model: str, seen: int, reported: int | None, *, device: str = RAM, engine: str = "test"
) -> MemoryMeasured:
    """The machine saw a load take so much, and its provider said so much of it."""
    return MemoryMeasured(
        model=model,
        engine=engine,
        reported={} if reported is None else {device: reported},
        sensed={device: seen},
        provenance="test",
    )


def timer() -> TimerFired:
    """A moment has come that the rules waited for."""
    return TimerFired()


def sampled(
    used: int, total: int = 1000, *, device: str = RAM, models: dict[str, int] | None = None
) -> MetricsSampled:
    """A device was read; `models` is what the processes of models take of main memory."""
    reading = DeviceReading(device=device, total_bytes=total, used_bytes=used)
    return MetricsSampled(reading=Reading(devices=(reading,), cpu_per_mille=0, cores=1, models=models or {}))


def _residency(state: State, model: str, size: int | None) -> Residency:
    known = state.models.get(model)
    description = known.description if known else None
    if description is None:
        raise LookupError(f"{model} is not described")
    return Residency(
        model=model,
        digest=description.digest,
        memory={description.device: description.estimate_bytes if size is None else size},
        provenance="test",
        context_tokens=description.context_tokens,
        slots=description.slots,
    )
