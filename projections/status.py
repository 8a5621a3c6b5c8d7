"""What a journal says about now, read in milliseconds: the last snapshot and the events after it.

Starts as fast as a command can: no pydantic, no domain, no state machine, only `apsw` and `json`. The states
of models are the journal's event names looked up in a table; a test holds it to the machine.
"""

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..domain.providers.names import provider_of
from ..eventstore.identity import StrPath
from ..eventstore.reader import Reader
from ..eventstore.records import Record
from .fields import fields
from .figures import is_count

#: Name and version under which the manager keeps its state (`domain.state.STATE_VERSION`).
SNAPSHOT = ("state", 3)
#: Fewer events are folded sooner than the code that reads a snapshot is imported.
_SHORT = 1000
#: Name of an event to the state that it brings a model into (`domain.models.machine.EDGES`).
STATES = {
    "ModelLoadStarted": "loading",
    "ModelLoaded": "ready",
    "ModelLoadFailed": "failed",
    "ModelCooledDown": "absent",
    "ModelDrainStarted": "draining",
    "ModelDrainCancelled": "ready",
    "ModelUnloadStarted": "unloading",
    "ModelUnloaded": "absent",
    "ModelUnloadFailed": "ready",
    "ModelSlept": "sleeping",
    "ModelWoken": "ready",
    "ModelWakeFailed": "sleeping",
    "ResidencyAssumed": "ready",
    "ModelLost": "lost",
    "ModelWrittenOff": "absent",
    "ModelFound": "ready",
}
#: States in which a model takes memory.
RESIDENT = ("loading", "ready", "draining", "unloading", "sleeping")
#: Events that say who brought a model into memory, and the states in which it was us all the same.
_ORIGINS = {
    "ModelLoadStarted": (),
    "ModelFound": (),
    "ModelWoken": ("loading",),
    "ModelSlept": ("loading", "unloading", "ready"),
    "ResidencyAssumed": (),
}
#: Events that say what a model takes.
_REPORTED = ("ModelLoaded", "ModelFound", "ModelWoken", "ModelSlept")
_ENDED = (
    "RequestFinished",
    "RequestCancelled",
    "RequestRejected",
    "RequestExpired",
    "RequestAborted",
    "LeaseRevoked",
)
#: Name of an event to the state that it brings a context into, as far as a status tells them apart.
CONTEXTS = {
    "ContextOpened": "open",
    "ModelCached": "packed",
    "ContextRestored": "open",
    "ContextClosed": "closed",
    "ContextRetired": "closed",
    "ContextForgotten": "gone",
}
#: What the state's own words for it come to (`domain.contexts.machine.ContextState`).
_SNAPPED = {"cached": "packed", "restoring": "packed", "closed": "closed"}
_REFUSED = "ContextRefused"
_CHANGED = "ResidencyChanged"
_TYPES = (
    *STATES,
    *CONTEXTS,
    _REFUSED,
    _CHANGED,
    *_ENDED,
    "RequestArrived",
    "RequestRedirected",
    "LeaseGranted",
    "MetricsSampled",
    "ProviderObserved",
    "BreakerChanged",
)


class ModelStatus(NamedTuple):
    """A model that is in memory, or was."""

    model: str
    state: str
    #: UTC nanoseconds.
    since: int
    #: Bytes by device.
    memory: dict[str, int]
    leases: int
    waiting: int
    #: Who loaded it: `own`, `external`, or `assumed` where its provider cannot load; empty out of memory.
    origin: str


class ProviderStatus(NamedTuple):
    """A provider as it was observed last."""

    provider: str
    #: None when nobody has asked it yet.
    reachable: bool | None
    version: str
    #: Code and text of the error, when it did not answer as it should.
    code: str
    cause: str
    #: State of its breaker; None when nothing has ever moved it.
    breaker: str | None
    #: How many of its models are in memory, by who loaded them.
    models: dict[str, int]


class Status(NamedTuple):
    """A journal and what it says about now."""

    journal: str
    position: int
    #: UTC nanoseconds of the last event; 0 when there is none.
    at: int
    #: Of the database and of its log.
    size_bytes: int
    log_bytes: int
    #: Segments whose events lie in files beside the journal.
    archived: int
    #: Events that the last checkpoint is about, and when it was signed (UTC nanoseconds); 0 without one.
    signed: int
    signed_at: int
    #: Process that owns the journal; None when no manager runs.
    owner: int | None
    models: tuple[ModelStatus, ...]
    providers: tuple[ProviderStatus, ...]
    waiting: int
    running: int
    #: Contexts that are open, and of these those whose texts are packed.
    contexts_open: int = 0
    contexts_packed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The same as plain dicts and lists."""
        return {
            **self._asdict(),
            "models": [model._asdict() for model in self.models],
            "providers": [provider._asdict() for provider in self.providers],
        }


def status(path: StrPath) -> Status:
    """Read it. Raises JournalUnusable, JournalCorrupt."""
    with Reader(path) as reader:
        head = reader.head()
        last = reader.get(head)
        now = _restored(path, head)
        signed, signed_at = reader.last_checkpoint() or (0, 0)
        now.fold(reader.read(after=now.position, until=head, types=_TYPES))
        models = now.listed()
        return Status(
            journal=reader.path,
            position=head,
            at=last.at if last else 0,
            size_bytes=_size(reader.path),
            log_bytes=_size(reader.path + "-wal"),
            archived=reader.segments_archived(),
            signed=signed,
            signed_at=signed_at,
            owner=reader.owner_pid(),
            models=models,
            providers=now.providers_with(models),
            waiting=sum(not request.running for request in now.requests.values()),
            running=sum(request.running for request in now.requests.values()),
            contexts_open=sum(state in ("open", "packed") for state in now.contexts.values()),
            contexts_packed=sum(state == "packed" for state in now.contexts.values()),
        )


class _Model:
    """A model while events are being folded."""

    __slots__ = ("asleep", "memory", "origin", "since", "state")

    def __init__(self, state: str, since: int, memory: dict[str, int]) -> None:
        self.state = state
        self.since = since
        self.memory = memory
        self.origin = "own"
        #: What it took when it slept last.
        self.asleep: dict[str, int] = {}


class _Request:
    """An open request; its arrival is only decoded when somebody asks for the model."""

    __slots__ = ("_arrival", "running")

    def __init__(self, arrival: "Record | str | None", running: bool) -> None:
        """`arrival`: the event, or the model itself; None when neither is known."""
        self._arrival = arrival
        self.running = running

    @property
    def model(self) -> str | None:
        arrival = self._arrival
        return arrival if arrival is None or isinstance(arrival, str) else fields(arrival).get("model")


class _Provider(NamedTuple):
    """What was observed of a provider; nothing when it never was."""

    reachable: bool | None = None
    version: str = ""
    code: str = ""
    cause: str = ""
    loads: bool = True

    @classmethod
    def observed(cls, data: dict[str, Any]) -> "_Provider":
        loads = data.get("capabilities", {}).get("load", True)
        return cls(
            data.get("reachable"),
            data.get("engine", ""),
            data.get("code", ""),
            data.get("cause_text", ""),
            loads,
        )


class _Now:
    """Models and open requests, as far as events have been folded."""

    def __init__(self) -> None:
        self.position = 0
        self.models: dict[str, _Model] = {}
        self.requests: dict[str, _Request] = {}
        self.providers: dict[str, _Provider] = {}
        self.breakers: dict[str, str] = {}
        #: By subject.
        self.contexts: dict[str, str] = {}

    def fold(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.type in STATES:
                self._moved(record)
            elif record.type == "RequestArrived":
                self.requests[record.subject] = _Request(record, running=False)
            elif record.type == "RequestRedirected":
                self.requests[record.subject] = _Request(fields(record).get("fallback"), running=False)
            elif record.type == "LeaseGranted":
                self.requests.setdefault(record.subject, _Request(None, running=True)).running = True
            elif record.type in CONTEXTS or record.type == _REFUSED:
                self._held(record)
            elif record.type == _CHANGED:
                self._changed(record)
            elif record.type in _ENDED:
                self.requests.pop(record.subject, None)
            elif record.type == "ProviderObserved":
                self.providers[record.subject.removeprefix("provider/")] = _Provider.observed(fields(record))
            elif record.type == "BreakerChanged":
                self.breakers[record.subject.removeprefix("breaker/")] = fields(record).get("after", "")
            else:
                self._sampled(fields(record).get("reading", {}).get("models", {}))

    def listed(self) -> tuple[ModelStatus, ...]:
        leases: dict[str, int] = {}
        waiting: dict[str, int] = {}
        for request in self.requests.values():
            counted = leases if request.running else waiting
            if request.model is not None:
                counted[request.model] = counted.get(request.model, 0) + 1
        return tuple(
            ModelStatus(
                model=name,
                state=model.state,
                since=model.since,
                memory=model.memory,
                leases=leases.get(name, 0),
                waiting=waiting.get(name, 0),
                origin=self._origin(name, model),
            )
            for name, model in sorted(self.models.items())
        )

    def providers_with(self, models: Iterable[ModelStatus]) -> tuple[ProviderStatus, ...]:
        """Every provider that was observed or has a breaker, and how many of the models it holds."""
        held: dict[str, dict[str, int]] = {name: {} for name in sorted({**self.providers, **self.breakers})}
        for model in models:
            counted = held.get(provider_of(model.model))
            if counted is not None and model.origin:
                counted[model.origin] = counted.get(model.origin, 0) + 1
        return tuple(self._provider(name, counted) for name, counted in held.items())

    def _provider(self, name: str, held: dict[str, int]) -> ProviderStatus:
        known = self.providers.get(name) or _Provider()
        return ProviderStatus(
            provider=name,
            reachable=known.reachable,
            version=known.version,
            code=known.code,
            cause=known.cause,
            breaker=self.breakers.get(name),
            models=held,
        )

    def _origin(self, name: str, model: _Model) -> str:
        if model.state not in RESIDENT:
            return ""
        provider = self.providers.get(provider_of(name))
        return model.origin if provider is None or provider.loads else "assumed"

    def _moved(self, record: Record) -> None:
        name = record.subject.removeprefix("model/")
        model = self.models.setdefault(name, _Model("absent", 0, {}))
        if record.type in _ORIGINS and model.state not in _ORIGINS[record.type]:
            model.origin = fields(record).get("origin", "own")
        model.state, model.since = STATES[record.type], record.at
        if record.type in _REPORTED:
            model.memory = _reported(record) or model.memory
        elif record.type == "ModelLoadStarted":
            need: dict[str, int] = fields(record).get("need", {})
            held = model.asleep if fields(record).get("how") == "wake" else {}
            devices = (device for device in {**held, **need} if not is_count(device))
            model.memory = {device: held.get(device, 0) + need.get(device, 0) for device in devices}
        elif record.type == "ModelWakeFailed":
            model.memory = model.asleep
        elif model.state not in RESIDENT:
            model.memory = {}
        if model.state == "sleeping":
            model.asleep = model.memory

    def _held(self, record: Record) -> None:
        known = self.contexts.get(record.subject)
        if record.type == _REFUSED:
            if not fields(record).get("known"):
                self.contexts.pop(record.subject, None)
        elif record.type != "ContextOpened" or known in (None, "gone"):
            self.contexts[record.subject] = CONTEXTS[record.type]

    def _changed(self, record: Record) -> None:
        model = self.models.get(record.subject.removeprefix("residency/"))
        if model is not None:
            model.memory = _reported(record) or model.memory

    def _sampled(self, sizes: dict[str, int]) -> None:
        """A model counts with the most that its process was seen to take."""
        for name, size in sizes.items():
            model = self.models.get(name)
            if model is not None and model.state in RESIDENT and size > model.memory.get("ram", 0):
                model.memory = {**model.memory, "ram": size}


def _restored(path: StrPath, head: int) -> _Now:
    """What the last snapshot says, whichever code made it; nothing when there is none, or no need for one."""
    now = _Now()
    if head < _SHORT:
        return now
    from ..eventstore.snapshots import SnapshotStore

    found = SnapshotStore.beside(path).load(*SNAPSHOT, fingerprint=None, until=head)
    if found is None:
        return now
    state = json.loads(found.body)
    now.position = found.position
    for name, model in state["models"].items():
        if model["since"]:
            now.models[name] = _Model(model["state"], model["since"], model["memory"])
            now.models[name].asleep = model.get("asleep") or {}
            now.models[name].origin = model.get("origin", "own")
    for position, request in state["requests"].items():
        running = request["granted_at"] is not None
        now.requests[f"request/{position}"] = _Request(request["model"], running)
    for name, seen in state.get("providers", {}).items():
        loads = seen["capabilities"]["load"]
        problem = seen.get("code", ""), seen.get("cause", "")
        now.providers[name] = _Provider(seen["reachable"], seen["version"], *problem, loads)
    for name, context in state.get("contexts", {}).get("named", {}).items():
        now.contexts[f"context/{name}"] = _SNAPPED.get(context["state"], "open")
    for name, breaker in state.get("breakers", {}).items():
        if breaker["position"]:
            now.breakers[name] = breaker["state"]
    return now


def _reported(record: Record) -> dict[str, int]:
    memory: dict[str, int] = fields(record).get("residency", {}).get("memory", {})
    return memory


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - importing pathlib costs more than all of this
    except FileNotFoundError:
        return 0
