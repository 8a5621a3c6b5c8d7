"""One row for each model: where it is now, what it takes, and what it has done since the journal began."""

from ..domain.events import Value
from ..domain.models.events import (
    ModelLoaded,
    ModelLoadFailed,
    ModelLost,
    ModelUnloaded,
    ModelUnloadStarted,
)
from ..domain.models.machine import ModelState
from ..domain.models.state import Model
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
from ..eventstore.records import Record
from .history import to_event

#: The types that change a row.
TYPES = tuple(
    body.name
    for body in (
        ModelLoaded,
        ModelLoadFailed,
        ModelLost,
        ModelUnloadStarted,
        ModelUnloaded,
        RequestArrived,
        RequestFinished,
        RequestCancelled,
        RequestRejected,
        RequestExpired,
        RequestAborted,
        LeaseRevoked,
    )
)


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


class ModelRow(Value):
    """A model, in memory or not."""

    model: str
    state: ModelState
    #: UTC nanoseconds since when.
    since: int
    #: Bytes by device, and where the figure comes from.
    memory: dict[str, int]
    provenance: str
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


class Tally:
    """Folds the journal into counts; `advance` again to go on from where it stands."""

    def __init__(self) -> None:
        self.position = 0
        self.counts: dict[str, Counts] = {}
        self._models: dict[int, str] = {}
        self._motives: dict[str, str] = {}

    def advance(self, reader: Reader, until: int) -> None:
        """Count what was written up to a position."""
        for record in reader.read(after=self.position, until=until, types=TYPES):
            self.count(record)
        self.position = max(self.position, until)

    def count(self, record: Record) -> None:
        """Count one event."""
        match to_event(record).body:
            case RequestArrived(model=model):
                self._models[record.position] = model
            case RequestFinished() as body:
                self._finished(body)
            case RequestCancelled(request=request):
                self._ended(request, "cancelled")
            case RequestRejected(request=request):
                self._ended(request, "rejected")
            case RequestExpired(request=request):
                self._ended(request, "expired")
            case RequestAborted(request=request) | LeaseRevoked(request=request):
                self._ended(request, "aborted")
            case ModelLoaded(model=model, load_ms=load_ms):
                self._add(model, loads=1, load_ms=load_ms)
            case ModelLoadFailed(model=model):
                self._add(model, load_failures=1)
            case ModelLost(model=model):
                self._add(model, lost=1)
            case ModelUnloadStarted(model=model, motive=motive):
                self._motives[model] = motive
            case ModelUnloaded(model=model):
                known = self._of(model)
                self._set(model, unloads=_plus_one(known.unloads, self._motives.pop(model, "operator")))
            case _:
                pass

    def _finished(self, body: RequestFinished) -> None:
        model = self._ended(body.request, body.outcome)
        if model is not None:
            self._add(
                model,
                prompt_tokens=body.prompt_tokens or 0,
                completion_tokens=body.completion_tokens or 0,
            )

    def _ended(self, request: int, how: str) -> str | None:
        """The model of a request that has ended; None when it had ended before."""
        model = self._models.pop(request, None)
        if model is not None:
            self._set(model, requests=_plus_one(self._of(model).requests, how))
        return model

    def _of(self, model: str) -> Counts:
        return self.counts.get(model, Counts())

    def _add(self, model: str, **more: int) -> None:
        known = self._of(model)
        self._set(model, **{name: getattr(known, name) + amount for name, amount in more.items()})

    def _set(self, model: str, **changes: object) -> None:
        self.counts[model] = self._of(model).model_copy(update=changes)


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
        leases=model.leases,
        pinned=state.host.pinned(model.name),
        last_used_at=model.last_used_at,
        counts=counts,
    )


def _plus_one(counts: dict[str, int], name: str) -> dict[str, int]:
    return {**counts, name: counts.get(name, 0) + 1}
