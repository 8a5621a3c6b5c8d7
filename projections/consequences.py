"""What came of an event later, and what it cost that a model left.

There is no index from a cause to its effects, and none is needed: decisions stand behind their fact, and an
outcome is the next event of its subject.
"""

from collections.abc import Iterator

from ..domain.requests.line import NS_PER_MS
from ..eventstore.reader import Reader
from ..eventstore.records import Record
from .explanation import Consequence, Delayed, Regret
from .fields import fields

Effect = tuple[Consequence, Record]

_INTENTS = ("ModelLoadStarted", "ModelUnloadStarted")
_LEAVING = ("ModelDrainStarted", "ModelUnloadStarted", "ModelUnloaded", "ModelSlept")
_GONE = ("ModelUnloaded", "ModelSlept", "ModelLost")
_LOAD_ENDS = ("ModelLoaded", "ModelLoadFailed", "ModelWoken", "ModelWakeFailed", "ModelFound", "ModelLost")


def consequences(reader: Reader, asked: Record, plan: Record | None) -> list[Effect]:
    """What followed, oldest first; `plan` is the plan that the event is part of, when it is."""
    found: dict[int, Effect] = {}
    for effect in (*_of_itself(reader, asked), *(_of_plan(reader, plan, asked) if plan else ())):
        if effect[1].position > asked.position:
            found.setdefault(effect[1].position, effect)
    return [found[position] for position in sorted(found)]


def leavers(asked: Record, plan: Record | None) -> tuple[str, ...]:
    """The models whose leaving an explanation is about."""
    if asked.type in _LEAVING:
        return (asked.subject.removeprefix("model/"),)
    return tuple(fields(plan).get("victims", ())) if plan is not None else ()


def regret(reader: Reader, model: str, after: int) -> Regret | None:
    """What became of a model that was to leave at a position; None when it has not left yet."""
    gone = _first(reader, f"model/{model}", after - 1, *_GONE)
    if gone is None:
        return None
    order = _first(reader, f"model/{model}", gone.position, "ModelLoadStarted", "ModelFound")
    if order is None or order.type == "ModelFound":
        return Regret(model=model, left=gone.position, reloaded=None, away_ms=None, load_ms=None, delayed=())
    end = _first(reader, order.subject, order.position, *_LOAD_ENDS)
    loaded = end if end is not None and end.type == "ModelLoaded" else None
    return Regret(
        model=model,
        left=gone.position,
        reloaded=order.position,
        away_ms=(order.at - gone.at) // NS_PER_MS,
        load_ms=fields(loaded).get("load_ms") if loaded else None,
        delayed=tuple(_delayed(reader, model, order, loaded)) if loaded else (),
    )


def step(reader: Reader, fact: Record) -> Iterator[Record]:
    """The decisions that were taken from a fact: they stand right behind it."""
    for record in reader.read(after=fact.position):
        if record.kind != "decision" or record.cause != fact.position:
            return
        yield record


def _of_itself(reader: Reader, asked: Record) -> Iterator[Effect]:
    if asked.type in _INTENTS:
        for record in reader.read(after=asked.position, subject=asked.subject, limit=1):
            yield "outcome", record
    if asked.kind == "fact":
        for record in step(reader, asked):
            yield "decided", record
    if asked.subject.startswith("request/"):
        for record in reader.read(after=asked.position, subject=asked.subject):
            yield "later", record


def _of_plan(reader: Reader, plan: Record, asked: Record) -> Iterator[Effect]:
    """The victims that left for a plan, and the model that room was made for."""
    data = fields(plan)
    if asked.type == "EvictionPlanned":
        for victim in data.get("victims", ()):
            gone = _first(reader, f"model/{victim}", plan.position, *_GONE)
            if gone is not None:
                yield "left", gone
    if data.get("model") is None:
        return
    for wanted in ("ModelLoadStarted", "ModelLoaded"):
        record = _first(reader, f"model/{data['model']}", plan.position, wanted)
        if record is not None:
            yield "made_room_for", record
    if data.get("request") is not None:
        granted = _first(reader, f"request/{data['request']}", plan.position, "LeaseGranted")
        if granted is not None:
            yield "made_room_for", granted


def _delayed(reader: Reader, model: str, order: Record, loaded: Record) -> Iterator[Delayed]:
    """Who waited for a load: whoever wanted it first, came meanwhile, or was served when it was done."""
    waiting: set[int | None] = {fields(order).get("request")}
    for record in reader.read(after=order.position, until=loaded.position, types=("RequestArrived",)):
        if fields(record).get("model") == model:
            waiting.add(record.position)
    for record in step(reader, loaded):
        if record.type == "LeaseGranted":
            waiting.add(fields(record).get("request"))
    for request in sorted(request for request in waiting if request is not None):
        served = _first(reader, f"request/{request}", 0, "LeaseGranted", "RequestExpired")
        if served is not None and served.data is not None:
            yield Delayed(request=request, waited_ms=fields(served)["waited_ms"])


def _first(reader: Reader, subject: str, after: int, *types: str) -> Record | None:
    return next(iter(reader.read(after=after, subject=subject, types=types, limit=1)), None)
