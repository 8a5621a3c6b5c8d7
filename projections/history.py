"""The journal's rows as the domain's events, and the state as the fold of them."""

import hashlib
from collections.abc import Iterable, Iterator

from pydantic import TypeAdapter

from ..domain.erasure.events import Redacted
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
        body.kind,
        body.name,
        body.version,
        body.subject(event.position),
        event.at,
        event.cause,
        event.correlation,
        event.actor,
        encode(body),
    )


def to_event(record: Record) -> Event:
    """The event a row holds, `Redacted` when its data is gone; raises what `decode` does."""
    return Event(
        position=record.position,
        at=record.at,
        cause=record.cause,
        correlation=record.correlation,
        actor=record.actor,
        body=_redacted(record) if record.data is None else decode(record.type, record.version, record.data),
    )


def _redacted(record: Record) -> Redacted:
    return Redacted(type=record.type, schema_version=record.version, about=record.subject)


def events(reader: Reader, after: int = 0, until: int | None = None) -> Iterator[Event]:
    """Events after one position up to and including another, oldest first."""
    return map(to_event, reader.read(after=after, until=until))


def fold(history: Iterable[Event], state: State | None = None) -> State:
    """The state that a history leads to, from the beginning or from an earlier state.

    What a journal holds is folded at twice the speed by `replay.state_at`.
    """
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
