"""The machine and the models on it, at one moment."""

from ..domain.events import Value
from ..domain.host.state import Phase
from ..domain.models import ledger
from ..domain.models.machine import ModelState
from ..domain.models.state import Model
from ..domain.models.values import RAM, DeviceReading, Reading
from ..domain.requests.line import NS_PER_MS
from ..domain.state import State


class SystemMetrics(Value):
    """The manager and its requests. Counts are since the journal began."""

    phase: Phase
    position: int
    at: int
    waiting: int
    running: int
    completed: int
    #: Failed, cancelled, rejected, expired and aborted together.
    not_completed: int
    prompt_tokens: int
    completion_tokens: int
    overcommitted: bool


class ModelMetrics(Value):
    """One model that takes memory."""

    model: str
    state: ModelState
    memory: dict[str, int]
    provenance: str
    leases: int
    waiting: int
    pinned: bool
    #: Since the end of its last lease; 0 while it is leased.
    idle_ms: int


class ModelsMetrics(Value):
    """What is in memory."""

    loaded: tuple[ModelMetrics, ...]
    loaded_max: int
    loads: int
    #: What a load takes on average.
    load_ms: int
    load_failures: int
    evictions: int
    unloads: int
    lost: int


class DeviceMetrics(Value):
    """The memory of one device, in bytes."""

    device: str
    total_bytes: int
    #: By everybody.
    used_bytes: int
    #: By our models, as the ledger counts it.
    models_bytes: int
    #: By others, as of the last recorded reading.
    other_bytes: int
    #: The most that models may take of it.
    ceiling_bytes: int
    #: What is left of that; negative when more is taken than may be.
    free_bytes: int


class CpuMetrics(Value):
    """Processors."""

    cores: int
    used_per_mille: int


class TextMetrics(Value):
    """What is kept of conversations and patterns, in bytes of text; none of it is a model's memory."""

    contexts: int
    #: Of what they send.
    contexts_bytes: int
    patterns: int
    patterns_bytes: int


class CacheMetrics(Value):
    """Answers that need no model."""

    hits: int
    misses: int
    bytes_used: int


class ResourceMetrics(Value):
    """All of it. `memory`, `cpu` and `gpu` are of the reading; without one there are none."""

    system: SystemMetrics
    models: ModelsMetrics
    memory: DeviceMetrics | None
    cpu: CpuMetrics | None
    #: None where there is no cache.
    cache: CacheMetrics | None
    gpu: tuple[DeviceMetrics, ...]
    texts: TextMetrics


def resource_metrics(state: State, reading: Reading | None = None) -> ResourceMetrics:
    """The metrics of a state, and of a reading that may be fresher than the one it holds."""
    reading = reading or state.host.reading
    devices = [_device(state, device) for device in reading.devices] if reading else []
    return ResourceMetrics(
        system=_system(state),
        models=_models(state),
        memory=next((device for device in devices if device.device == RAM), None),
        cpu=CpuMetrics(cores=reading.cores, used_per_mille=reading.cpu_per_mille) if reading else None,
        cache=None,
        gpu=tuple(device for device in devices if device.device != RAM),
        texts=_texts(state),
    )


def _system(state: State) -> SystemMetrics:
    waiting, totals = len(state.waiting()), state.totals
    return SystemMetrics(
        phase=state.host.phase,
        position=state.position,
        at=state.at,
        waiting=waiting,
        running=len(state.requests) - waiting,
        completed=totals.completed,
        not_completed=totals.failed + totals.cancelled + totals.rejected + totals.expired + totals.aborted,
        prompt_tokens=totals.prompt_tokens,
        completion_tokens=totals.completion_tokens,
        overcommitted=state.host.overcommitted,
    )


def _texts(state: State) -> TextMetrics:
    contexts, patterns = state.contexts.named.values(), state.patterns
    return TextMetrics(
        contexts=len(contexts),
        contexts_bytes=sum(context.size for context in contexts),
        patterns=len(patterns.named),
        patterns_bytes=patterns.size,
    )


def _models(state: State) -> ModelsMetrics:
    totals = state.totals
    return ModelsMetrics(
        loaded=tuple(_model(state, model) for model in state.resident()),
        loaded_max=state.host.settings.limits.max_models_loaded,
        loads=totals.loads,
        load_ms=totals.load_ms // max(totals.loads, 1),
        load_failures=totals.load_failures,
        evictions=totals.evictions,
        unloads=totals.unloads,
        lost=totals.lost,
    )


def _model(state: State, model: Model) -> ModelMetrics:
    idle = model.state is ModelState.READY and not model.leases
    return ModelMetrics(
        model=model.name,
        state=model.state,
        memory=model.memory,
        provenance=model.provenance,
        leases=len(model.leases),
        waiting=sum(request.model == model.name for request in state.waiting()),
        pinned=state.host.pinned(model.name),
        idle_ms=(state.at - model.last_used_at) // NS_PER_MS if idle else 0,
    )


def _device(state: State, device: DeviceReading) -> DeviceMetrics:
    name = device.device
    taken = sum(model.memory.get(name, 0) for model in state.resident())
    ceiling = ledger.ceilings(state).get(name, device.total_bytes)
    return DeviceMetrics(
        device=name,
        total_bytes=device.total_bytes,
        used_bytes=device.used_bytes,
        models_bytes=taken,
        other_bytes=state.host.other.get(name, 0),
        ceiling_bytes=ceiling,
        free_bytes=ceiling - taken,
    )
