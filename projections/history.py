"""The journal's rows as the domain's events, and the state as the fold of them."""

import hashlib
from collections.abc import Iterable, Iterator

from pydantic import TypeAdapter

from ..domain.events import Event
from ..domain.kernel import evolve, initial
from ..domain.registry import decode, encode
from ..domain.state import State
from ..eventstore.reader import Reader
from ..eventstore.records import Draft, Record

_STATE: TypeAdapter[State] = TypeAdapter(State)


def to_draft(event: Event) -> Draft:
    """The row to be written for an event."""
    body = event.body
    return Draft(
        kind=body.kind,
        type=body.name,
        version=body.version,
        subject=body.subject(event.position),
        at=event.at,
        cause=event.cause,
        correlation=event.correlation,
        actor=event.actor,
        data=encode(body),
    )


def to_event(record: Record) -> Event:
    """The event a row holds; raises `UnknownEvent` for one of a newer version."""
    return Event(
        position=record.position,
        at=record.at,
        cause=record.cause,
        correlation=record.correlation,
        actor=record.actor,
        body=decode(record.type, record.version, record.data),
    )


def events(reader: Reader, after: int = 0, until: int | None = None) -> Iterator[Event]:
    """Events after one position up to and including another, oldest first."""
    return map(to_event, reader.read(after=after, until=until))


def fold(history: Iterable[Event], state: State | None = None) -> State:
    """The state that a history leads to, from the beginning or from an earlier state."""
    folded = initial() if state is None else state
    for event in history:
        folded = evolve(folded, event)
    return folded


def state_to_json(state: State) -> bytes:
    """The state as canonical JSON: two equal states give the same bytes."""
    return _STATE.dump_json(state)


def state_from_json(data: bytes) -> State:
    """The inverse of `state_to_json`."""
    return _STATE.validate_json(data)


def digest(state: State) -> str:
    """SHA-256 of the state, in hex."""
    return hashlib.sha256(state_to_json(state)).hexdigest()
