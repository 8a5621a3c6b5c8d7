"""What is sent to a journal's owner, and what it answers: one JSON object on a line each.

    {"command": ID, "actor": WHO, "durable": true, "events": [
        {"kind": "fact", "type": "PinChanged", "version": 1, "subject": "pin/llama:small", "data": {…}}]}

    {"first": 17, "last": 19}  or  {"error": CODE, "values": {…}, "message": "…"}

Whoever reaches the socket can send anything, so all of it is looked at before any of it is used.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ...domain import errors
from ...domain.errors import BursarError, SubmissionRefused
from ..records import KINDS, Kind
from .plain import beginning, is_list, is_object, parsed, refused

#: Bytes of a line with its end, either way.
LINE_MAX = 1 << 20
#: Events that are appended together: no more than the journal commits at a time.
EVENTS_MAX = 256
#: Characters of a name: a command's id, an actor, a type, a subject.
NAME_MAX = 200
_VERSIONS = range(1, 1 << 31)


class Statement(NamedTuple):
    """An event to be appended, without what its place gives it."""

    kind: Kind
    type: str
    #: Of the type's schema.
    version: int
    subject: str
    #: What JSON can say; numbers are whole.
    data: Mapping[str, Any]


class Submission(NamedTuple):
    """Events that are to be appended together, and who wants it."""

    #: The sender's: the same id again is the same submission again.
    command: str
    actor: str
    events: Sequence[Statement]
    #: To be on the disk itself before it is answered.
    durable: bool = False


class Positions(NamedTuple):
    """Where it came to stand."""

    first: int
    last: int


def canonical(data: Mapping[str, Any]) -> str:
    """The JSON text of an event's data, as the journal keeps it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def to_line(submission: Submission) -> bytes:
    """The line that says it.

    Raises SubmissionRefused when that is too long, ValueError and TypeError for what JSON cannot say.
    """
    line = _line(
        {
            "command": submission.command,
            "actor": submission.actor,
            "durable": submission.durable,
            "events": [{**event._asdict(), "data": dict(event.data)} for event in submission.events],
        }
    )
    if len(line) > LINE_MAX:
        raise too_long(line)
    return line


def from_line(line: bytes) -> Submission:
    """What a line says. Raises SubmissionRefused for anything but a whole submission and nothing else."""
    fields = _fields("the request", parsed(line), ("command", "actor", "events"), ("durable",))
    events = fields["events"]
    if not is_list(events) or not 0 < len(events) <= EVENTS_MAX:
        raise refused("events", f"it must be a list of 1 to {EVENTS_MAX} events", events)
    durable = fields.get("durable", False)
    if not isinstance(durable, bool):
        raise refused("durable", "it must be true or false", durable)
    return Submission(
        command=_name("command", fields["command"]),
        actor=_name("actor", fields["actor"]),
        events=[_statement(f"events[{at}]", event) for at, event in enumerate(events)],
        durable=durable,
    )


def to_answer(positions: Positions) -> bytes:
    """The line that says that it was taken."""
    return _line(positions._asdict())


def to_refusal(error: BursarError) -> bytes:
    """The line that says why it was not."""
    values = {name: value if isinstance(value, int) else str(value) for name, value in error.values.items()}
    return _line({"error": error.code, "values": values, "message": str(error)})


def from_answer(line: bytes) -> Positions:
    """What the owner answered. Raises the error that it answered with, ValueError for what is no answer."""
    found: dict[str, Any] = json.loads(line)
    match found:
        case {"first": int(first), "last": int(last)}:
            return Positions(first, last)
        case {"error": str(code), "values": dict(), "message": str(message)}:
            raise _error(code, found["values"], message)
        case _:
            raise ValueError("it answered with something else")


def too_long(line: bytes) -> SubmissionRefused:
    """Why a line is not taken of which this is the beginning."""
    return refused("the line", f"it may have {LINE_MAX} bytes, its end among them", beginning(line))


def _line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _fields(what: str, value: Any, needed: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    """The object, which has all of these keys and no others."""
    if not is_object(value):
        raise refused(what, "it must be an object", value)
    unknown = next((key for key in value if key not in {*needed, *optional}), None)
    if unknown is not None:
        raise refused(what, "it has a key that means nothing", unknown)
    missing = next((key for key in needed if key not in value), None)
    if missing is not None:
        raise refused(what, f"it lacks {missing!r}", value)
    return value


def _statement(what: str, value: Any) -> Statement:
    fields = _fields(what, value, Statement._fields)
    kind, version, data = fields["kind"], fields["version"], fields["data"]
    if kind not in KINDS:
        raise refused(f"{what}.kind", "it must be fact or decision", kind)
    if type(version) is not int or version not in _VERSIONS:
        raise refused(f"{what}.version", f"it must be a number from 1 to {_VERSIONS[-1]}", version)
    if not is_object(data):
        raise refused(f"{what}.data", "it must be an object", data)
    return Statement(
        kind,
        _name(f"{what}.type", fields["type"]),
        version,
        _name(f"{what}.subject", fields["subject"]),
        data,
    )


def _name(what: str, value: Any) -> str:
    """Something that commands show on terminals and people put into other commands."""
    if not isinstance(value, str) or not 0 < len(value) <= NAME_MAX or not value.isprintable():
        raise refused(what, f"it must be a text of 1 to {NAME_MAX} printable characters", value)
    return value


def _error(code: str, values: Mapping[str, Any], message: str) -> BursarError:
    """The error as it was raised on the other side; of two with one code, that which these values are for."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, BursarError) and kind.code == code:
            with suppress(LookupError):
                return kind(**values)
    return BursarError(detail=message)
