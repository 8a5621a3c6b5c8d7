"""From an event back to the one it goes back to: the order, the plan, the request, the reading.

`cause` alone says what a step answered, which is not always what it was for: a model is unloaded when its
last lease ends, and the reason why it had to leave is the plan that it is a victim of.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from ..eventstore.reader import Reader
from ..eventstore.records import Record
from .explanation import Relation
from .fields import fields

#: Positions that are looked through at once for the last event of a subject.
_STRETCH = 1024
_ENDS = ("RequestFinished", "RequestCancelled")
_OUTCOMES = (
    "ModelLoaded",
    "ModelLoadFailed",
    "ModelUnloaded",
    "ModelUnloadFailed",
    "ModelSlept",
    "ModelWoken",
    "ModelWakeFailed",
    "ModelFound",
    "ModelLost",
    "EffectOutcomeUnknown",
)


def chain(reader: Reader, asked: Record) -> Iterator[tuple[Relation, Record]]:
    """The event and what it goes back to, one after another; positions only ever get smaller."""
    relation: Relation = "asked"
    found: Record | None = asked
    while found is not None:
        yield relation, found
        step = _origin(reader, found, asked)
        relation, position = step or ("follows_from", 0)
        found = reader.get(position) if position else None


def last_before(reader: Reader, subject: str, position: int, *types: str) -> Record | None:
    """The last event of a subject before a position; of these types, if any are given.

    It is looked for backwards, in stretches that double: mostly it is near, and the subject's history long.
    """
    until, length = position - 1, _STRETCH
    while until > 0:
        found = deque(reader.read(until - length, until, subject=subject, types=types or None), maxlen=1)
        if found:
            return found[0]
        until, length = until - length, 2 * length
    return None


def _origin(reader: Reader, record: Record, asked: Record) -> tuple[Relation, int] | None:
    """The event that explains this one best, and what it is to it."""
    data = fields(record)
    evidence: dict[str, int] = data.get("reason", {}).get("evidence", {})
    relation, position = _special(reader, record, data, evidence)
    if record.type in _ENDS and record is not asked:
        # Somebody else let go of the model: how that one had got it is another story.
        position = None
    if position is not None and position < record.position:
        return relation, position
    if record.cause is None:
        return None
    return ("outcome_of" if record.type in _OUTCOMES else "follows_from"), record.cause


def _special(
    reader: Reader, record: Record, data: dict[str, Any], evidence: dict[str, int]
) -> tuple[Relation, int | None]:
    """Where something explains an event better than the fact of its step; no position where nothing does."""
    match record.type:
        case "ModelUnloadStarted":
            drain = last_before(reader, record.subject, record.position, "ModelDrainStarted")
            return "drained_by", drain and drain.position
        case "ModelDrainStarted":
            return _of_drain(reader, record, data)
        case "ModelLoadStarted" if "plan" in evidence:
            return "planned_by", evidence["plan"]
        case "EvictionPlanned" | "ModelLoadStarted":
            return "requested_by", data.get("request")
        case "RequestQueued" if evidence:
            return _of_queued(evidence)
        case "RequestExpired":
            queued = last_before(reader, record.subject, record.position, "RequestQueued")
            return "queued_by", queued and queued.position
        case ended if ended in _ENDS:
            grant = last_before(reader, record.subject, record.position, "LeaseGranted")
            return "granted_by", grant and grant.position
        case "ModelDrainCancelled":
            return "follows_from", _abandoned(reader, record)
        case _:
            return "follows_from", None


def _of_drain(reader: Reader, record: Record, data: dict[str, Any]) -> tuple[Relation, int | None]:
    if data.get("plan"):
        return "planned_by", data["plan"]
    cause = reader.get(record.cause) if record.cause else None
    if data.get("motive") == "operator" and cause is not None and cause.type == "ModelLoaded":
        wish = last_before(reader, f"description/{data['model']}", record.position, "UnloadRequested")
        return "wished_by", wish and wish.position
    return "follows_from", None


def _of_queued(evidence: dict[str, int]) -> tuple[Relation, int | None]:
    if "ahead" in evidence:
        return "behind", evidence["ahead"]
    return "planned_by" if "plan" in evidence else "follows_from", evidence.get("plan", evidence.get("load"))


def _abandoned(reader: Reader, record: Record) -> int | None:
    """The given up plan in the same step that let the model stay."""
    for position in range(record.position - 1, record.cause or 0, -1):
        before = reader.get(position)
        if before is None or before.type == "PlanAbandoned":
            return before and before.position
    return None
