"""One row for each model: where it is now, what it takes, and what it has done since the journal began."""

from collections.abc import Callable

from typing_extensions import TypedDict

from ..domain.events import Value
from ..domain.models import ledger
from ..domain.models.events import (
    ModelLoaded,
    ModelLoadFailed,
    ModelLost,
    ModelUnloaded,
    ModelUnloadStarted,
)
from ..domain.models.expected import expected
from ..domain.models.machine import RESIDENT, ModelState
from ..domain.models.state import Model
from ..domain.models.values import Description
from ..domain.providers.names import provider_of
from ..domain.requests.events import (
    LeaseRevoked,
    RequestAborted,
    RequestArrived,
    RequestCancelled,
    RequestExpired,
    RequestFinished,
    RequestRejected,
)
from ..domain.state import State
from ..eventstore.reader import Reader
from .reading import On, ReadModel


class Counts(Value):
    """What a model has done. Requests are counted by how they ended, unloads by why the model left."""

    loads: int = 0
    load_ms: int = 0
    load_failures: int = 0
    unloads: dict[str, int] = {}
    lost: int = 0
    requests: dict[str, int] = {}
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Estimate(Value):
    """What a load will take, in bytes, and how that is known."""

    likely: int
    #: Between these it will lie in nine of ten cases; None when nobody has measured anything like it.
    low: int | None
    high: int | None
    #: What would be set aside for it, by device.
    reserved: dict[str, int]
    provenance: str


class ModelRow(Value):
    """A model, in memory or not."""

    model: str
    state: ModelState
    #: UTC nanoseconds since when.
    since: int
    #: Bytes by device, and where the figure comes from.
    memory: dict[str, int]
    provenance: str
    #: What loading it is expected to take, all devices together; None when nobody has described it.
    estimate: Estimate | None
    #: Window of the description and of what is in memory, over all slots; None where it is not known.
    context_asked: int | None
    context_granted: int | None
    #: Who loaded what is in memory: `own`, `external`, or `assumed` where its provider cannot load.
    origin: str | None
    #: What its provider cannot do, of what the rules would use; None when it was never observed.
    lacks: tuple[str, ...] | None
    #: Positions of the requests that hold it.
    leases: tuple[int, ...]
    pinned: bool
    #: End of the last lease, or when it became ready; 0 when it never did.
    last_used_at: int
    counts: Counts

    @property
    def evictions(self) -> int:
        """How often it left because somebody needed its room."""
        return self.counts.unloads.get("evicted", 0) + self.counts.unloads.get("pressure", 0)


class _OfModel(TypedDict):
    model: str


class _Loaded(TypedDict):
    model: str
    load_ms: int


class _Leaving(TypedDict):
    model: str
    motive: str


class _OfRequest(TypedDict):
    request: int


class _Finished(TypedDict):
    request: int
    outcome: str
    prompt_tokens: int | None
    completion_tokens: int | None


class Tally:
    """Folds the journal into counts; `advance` again to go on from where it stands."""

    def __init__(self) -> None:
        self.position = 0
        self.counts: dict[str, Counts] = {}
        self._models: dict[int, str] = {}
        self._motives: dict[str, str] = {}

    def advance(self, reader: Reader, until: int) -> None:
        """Count what was written up to a position. Raises JournalCorrupt for an event that cannot be read."""
        TALLY.fold(self, reader, self.position, until)
        self.position = max(self.position, until)

    def arrived(self, position: int, _at: int, event: _OfModel) -> None:
        self._models[position] = event["model"]

    def finished(self, _position: int, _at: int, event: _Finished) -> None:
        model = self.ended(event["request"], event["outcome"])
        if model is not None:
            self._add(
                model,
                prompt_tokens=event["prompt_tokens"] or 0,
                completion_tokens=event["completion_tokens"] or 0,
            )

    def ended(self, request: int, how: str) -> str | None:
        """The model of a request that has ended; None when it had ended before."""
        model = self._models.pop(request, None)
        if model is not None:
            self._set(model, requests=_plus_one(self._of(model).requests, how))
        return model

    def loaded(self, _position: int, _at: int, event: _Loaded) -> None:
        self._add(event["model"], loads=1, load_ms=event["load_ms"])

    def load_failed(self, _position: int, _at: int, event: _OfModel) -> None:
        self._add(event["model"], load_failures=1)

    def lost(self, _position: int, _at: int, event: _OfModel) -> None:
        self._add(event["model"], lost=1)

    def leaving(self, _position: int, _at: int, event: _Leaving) -> None:
        self._motives[event["model"]] = event["motive"]

    def unloaded(self, _position: int, _at: int, event: _OfModel) -> None:
        model = event["model"]
        motive = self._motives.pop(model, "operator")
        self._set(model, unloads=_plus_one(self._of(model).unloads, motive))

    def _of(self, model: str) -> Counts:
        return self.counts.get(model, Counts())

    def _add(self, model: str, **more: int) -> None:
        known = self._of(model)
        self._set(model, **{name: getattr(known, name) + amount for name, amount in more.items()})

    def _set(self, model: str, **changes: object) -> None:
        self.counts[model] = self._of(model).model_copy(update=changes)


def _ended(how: str) -> Callable[[Tally, int, int, _OfRequest], None]:
    def end(tally: Tally, _position: int, _at: int, event: _OfRequest) -> None:
        tally.ended(event["request"], how)

    return end


#: What is counted, and of what.
TALLY = ReadModel[Tally](
    On(RequestArrived, _OfModel, Tally.arrived),
    On(RequestFinished, _Finished, Tally.finished),
    On(RequestCancelled, _OfRequest, _ended("cancelled")),
    On(RequestRejected, _OfRequest, _ended("rejected")),
    On(RequestExpired, _OfRequest, _ended("expired")),
    On(RequestAborted, _OfRequest, _ended("aborted")),
    On(LeaseRevoked, _OfRequest, _ended("aborted")),
    On(ModelLoaded, _Loaded, Tally.loaded),
    On(ModelLoadFailed, _OfModel, Tally.load_failed),
    On(ModelLost, _OfModel, Tally.lost),
    On(ModelUnloadStarted, _Leaving, Tally.leaving),
    On(ModelUnloaded, _OfModel, Tally.unloaded),
)


def model_table(reader: Reader, state: State, tally: Tally | None = None) -> list[ModelRow]:
    """Every model that the state knows, sorted by name, with what it did up to the state's position.

    A `tally` that is kept makes the next table cost only what was written since.
    """
    tally = tally or Tally()
    tally.advance(reader, state.position)
    return [
        _row(state, model, tally.counts.get(name, Counts())) for name, model in sorted(state.models.items())
    ]


def _row(state: State, model: Model, counts: Counts) -> ModelRow:
    return ModelRow(
        model=model.name,
        state=model.state,
        since=model.since,
        memory=model.memory,
        provenance=model.provenance,
        estimate=_estimate(state, model.description),
        context_asked=model.description.context_tokens if model.description else None,
        context_granted=(model.residency.context_tokens or None) if model.residency else None,
        origin=_origin(model),
        lacks=_lacks(state, model.name),
        leases=model.leases,
        pinned=state.host.pinned(model.name),
        last_used_at=model.last_used_at,
        counts=counts,
    )


def _estimate(state: State, description: Description | None) -> Estimate | None:
    if description is None:
        return None
    found = expected(state, description)
    return Estimate(
        likely=found.likely,
        low=found.low,
        high=found.high,
        reserved=ledger.expected_memory(state, description)[0],
        provenance=found.provenance,
    )


def _origin(model: Model) -> str | None:
    if model.state not in RESIDENT:
        return None
    return "assumed" if model.assumed else model.origin


def _lacks(state: State, model: str) -> tuple[str, ...] | None:
    provider = state.providers.get(provider_of(model))
    if provider is None:
        return None
    can = provider.capabilities
    out = () if can.unload or can.sleep else ("unload",)
    return (*(() if can.load else ("load",)), *out, *(() if can.measure_memory else ("measure_memory",)))


def _plus_one(counts: dict[str, int], name: str) -> dict[str, int]:
    return {**counts, name: counts.get(name, 0) + 1}
