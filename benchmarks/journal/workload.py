"""What is written: real events of the domain, singly for appending and as long histories that fold."""

import re
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import NamedTuple

from bursar.domain.events import Body, Event
from bursar.domain.host.events import ManagerReconciled, ManagerStarted, MetricsSampled, SettingsChanged
from bursar.domain.models.events import (
    ModelDescribed,
    ModelDrainStarted,
    ModelLoaded,
    ModelLoadStarted,
    ModelUnloaded,
    ModelUnloadStarted,
)
from bursar.domain.models.values import RAM, Description, DeviceReading, Reading, Residency
from bursar.domain.reasons import Comparison, Reason
from bursar.domain.requests.events import (
    LeaseGranted,
    RequestArrived,
    RequestCancelled,
    RequestFinished,
)
from bursar.domain.settings import Settings
from bursar.eventstore.records import Draft
from bursar.projections.history import to_draft

#: 2026-10-01T12:00:00Z.
START = 1_790_856_000_000_000_000
_GIB = 1 << 30
_MODELS = 8
_ERROR = (
    "the provider answered 500: " + "llama_decode found no slot in the key-value cache, trying again; " * 5
)


def failed(request: int) -> RequestFinished:
    """How a request ended, with the provider's words: about 500 bytes."""
    return RequestFinished(
        request=request,
        outcome="failed",
        held_ms=31_245,
        prompt_tokens=1832,
        completion_tokens=211,
        first_token_ms=845,
        error_code="MODEL_CALL_FAILED",
        error=_ERROR,
    )


def sampled(position: int) -> MetricsSampled:
    """What the machine is at, with eight models in memory: about 500 bytes."""
    devices = (
        DeviceReading(device=RAM, total_bytes=16 * _GIB, used_bytes=7 * _GIB + position),
        DeviceReading(device="gpu0", total_bytes=24 * _GIB, used_bytes=17 * _GIB),
    )
    models = {f"ollama:qwen3-{size}b-instruct": size * _GIB for size in range(8)}
    return MetricsSampled(reading=Reading(devices=devices, cpu_per_mille=417, cores=8, models=models))


def load_started(position: int) -> ModelLoadStarted:
    """A decision and its reason: about 500 bytes."""
    tests = (
        Comparison(what="need_bytes ram", left=5 * _GIB, op="<=", right=9 * _GIB, holds=True),
        Comparison(what="need_bytes gpu0", left=4 * _GIB, op="<=", right=7 * _GIB, holds=True),
        Comparison(what="models_loaded", left=2, op="<", right=4, holds=True),
    )
    reason = Reason(rule="admission.fits", tests=tests, evidence={"description": 12, "reading": position})
    need = {RAM: 5 * _GIB, "gpu0": 4 * _GIB, "models": 1}
    return ModelLoadStarted(model="ollama:qwen3-8b-instruct", request=position, need=need, reason=reason)


#: Builds a body; the number is the position of an earlier event.
Builder = Callable[[int], Body]
#: Of about 500 bytes each; the number is the position of an earlier event.
BODIES: tuple[Builder, ...] = (failed, sampled, load_started)


def small(position: int) -> Draft:
    """An event of about 200 bytes."""
    reason = Reason(
        rule="line.first",
        tests=(Comparison(what="leases", left=0, op="<", right=4, holds=True),),
    )
    body = LeaseGranted(request=position, model="fake:a", waited_ms=12, reason=reason)
    return to_draft(Event(position, START + position, None, position, "bursar", body))


def history(length: int) -> Iterator[Draft]:
    """A manager's history of this length that folds: loads, requests served and given up, unloads, readings.

    Ten types come in cycles, model after model. Their texts are filled in rather than encoded, so that a
    million of them take seconds.
    """
    opening = [to_draft(event) for event in _opening()]
    cycles = (cycle for _ in count() for cycle in _CYCLES)
    return islice(_chained(opening, cycles), length)


def _chained(opening: list[Draft], cycles: "Iterator[tuple[_Blank, ...]]") -> Iterator[Draft]:
    yield from opening
    base = len(opening)
    for cycle in cycles:
        for position, blank in enumerate(cycle, base + 1):
            yield blank.filled(base, position)
        base += len(cycle)


def _opening() -> list[Event]:
    bodies: list[Body] = [
        ManagerStarted(pid=1, host="study", code_version="1", code_fingerprint="", python="", sqlite=""),
        SettingsChanged(settings=Settings()),
        *(ModelDescribed(description=_description(_name(model))) for model in range(_MODELS)),
        ManagerReconciled(),
    ]
    return [Event(position, START, None, position, "bursar", body) for position, body in enumerate(bodies, 1)]


#: Stands for the position at an offset within a cycle: a number that nothing else in an event has.
_PLACE = 7_000_000_000_000_000
_PLACES = re.compile(rf"{_PLACE // 1000}(\d\d\d)")


class _Blank(NamedTuple):
    """An event of a cycle whose positions are to be filled in."""

    draft: Draft
    #: With a `%d` for each of the offsets.
    subject: str
    subject_offsets: tuple[int, ...]
    data: str
    data_offsets: tuple[int, ...]
    correlation_offset: int

    @classmethod
    def of(cls, body: Body, offset: int, root: int) -> "_Blank":
        draft = to_draft(Event(_PLACE + offset, 0, None, _PLACE + root, "bursar", body))
        subject, subject_offsets = _blanked(draft.subject)
        data, data_offsets = _blanked(draft.data)
        return cls(draft, subject, subject_offsets, data, data_offsets, root)

    def filled(self, base: int, position: int) -> Draft:
        draft, correlation = self.draft, base + self.correlation_offset
        return Draft(
            draft.kind,
            draft.type,
            draft.version,
            self.subject % tuple([base + offset for offset in self.subject_offsets]),
            START + position * 1_000_000,
            None if correlation == position else correlation,
            correlation,
            draft.actor,
            self.data % tuple([base + offset for offset in self.data_offsets]),
        )


def _blanked(text: str) -> tuple[str, tuple[int, ...]]:
    offsets = tuple(int(found[1]) for found in _PLACES.finditer(text))
    return _PLACES.sub("%d", text.replace("%", "%%")), offsets


def _cycle(model: str) -> tuple[_Blank, ...]:
    """Three requests for a model that is not there: two are served, one goes away; then the model leaves."""
    first, second, third = _PLACE + 2, _PLACE + 4, _PLACE + 5
    reason = Reason(
        rule="line.first", tests=(Comparison(what="leases", left=0, op="<", right=4, holds=True),)
    )
    bodies: tuple[tuple[Body, int], ...] = (
        (_reading(), 1),
        (RequestArrived(model=model, purpose="chat", agent="ada"), 2),
        (ModelLoadStarted(model=model, request=first, need={RAM: _GIB, "models": 1}, reason=reason), 2),
        (RequestArrived(model=model, purpose="chat", agent="bob", priority=1), 4),
        (RequestArrived(model=model, purpose="lease", agent="eve", deadline_ms=500), 5),
        (RequestCancelled(request=third), 5),
        (ModelLoaded(model=model, residency=_residency(model), load_ms=4000), 2),
        (LeaseGranted(request=first, model=model, waited_ms=4000, reason=reason), 2),
        (LeaseGranted(request=second, model=model, waited_ms=4000, reason=reason), 4),
        (RequestFinished(request=first, outcome="completed", held_ms=1250, prompt_tokens=512), 2),
        (RequestFinished(request=second, outcome="completed", held_ms=900, completion_tokens=64), 4),
        (ModelDrainStarted(model=model, motive="idle", plan=None, leases=0, reason=reason), 12),
        (ModelUnloadStarted(model=model, motive="idle", plan=None, reason=reason), 12),
        (ModelUnloaded(model=model, unload_ms=200), 12),
    )
    return tuple(_Blank.of(body, offset, root) for offset, (body, root) in enumerate(bodies, 1))


def _reading() -> MetricsSampled:
    ram = DeviceReading(device=RAM, total_bytes=16 * _GIB, used_bytes=7 * _GIB)
    return MetricsSampled(reading=Reading(devices=(ram,), cpu_per_mille=125, cores=8, models={}))


def _description(model: str) -> Description:
    return Description(
        model=model,
        digest=f"sha256:{model}",
        engine="none",
        device=RAM,
        weights_bytes=_GIB,
        kv_bytes_per_token=0,
        context_tokens=4096,
        overhead_bytes=0,
        slots=4,
        provenance="none",
    )


def _residency(model: str) -> Residency:
    return Residency(
        model=model,
        digest=f"sha256:{model}",
        memory={RAM: _GIB},
        provenance="rss",
        context_tokens=4096,
        slots=4,
    )


def _name(model: int) -> str:
    return f"ollama:model-{model}"


_CYCLES = tuple(_cycle(_name(model)) for model in range(_MODELS))
#: The types of the cycles.
TYPES = tuple(sorted({blank.draft.type for blank in _CYCLES[0]}))
