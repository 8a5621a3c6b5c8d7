"""The journal's rows as the domain's events, and the state as the fold of them."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

from pydantic import TypeAdapter

from ..domain.contexts.values import Entry
from ..domain.copying import replace
from ..domain.erasure.events import Redacted
from ..domain.events import Event
from ..domain.kernel import evolve, initial
from ..domain.registry import decode, encode
from ..domain.state import State
from ..eventstore.reader import Reader
from ..eventstore.records import Draft, Record

Block: TypeAlias = tuple[Entry, ...]

_STATE: TypeAdapter[State] = TypeAdapter(State)
_BLOCK: TypeAdapter[Block] = TypeAdapter(Block)
#: What stands in the JSON of a context without messages; in a text there would be a backslash in it.
_NO_ENTRIES = b'"entries":[]'


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


def state_to_json_slowly(state: State) -> bytes:
    """The same bytes, written a hundred messages at a time: for a thread beside one that must not wait."""
    pieces = state_to_json(without_messages(state)).split(_NO_ENTRIES)
    written = list[bytes]()
    for piece, context in zip_longest(pieces, state.contexts.named.values()):
        written.append(piece)
        if context is not None:
            blocks = b",".join([_BLOCK.dump_json(block) for block in context.entries])
            written.append(b'"entries":[%b]' % blocks)
    return b"".join(written)


def state_from_json(data: bytes) -> State:
    """The inverse of `state_to_json`."""
    return _STATE.validate_json(data)


class _Hashed(NamedTuple):
    """A block, and its hash."""

    block: Block
    sha256: str


class Digests:
    """Digests of one state after another: of a long conversation only what is new is hashed."""

    def __init__(self, state: State | None = None) -> None:
        """`state`: the one that the others will have most in common with."""
        #: Of the last state's blocks, by identity: as long as one is held here no other has its id.
        self._known: dict[int, _Hashed] = {}
        if state is not None:
            self._hash(state)

    def of(self, state: State) -> str:
        """SHA-256 of the state, in hex: of its JSON without messages, then of the hashes of their blocks."""
        hashed = hashlib.sha256(state_to_json(without_messages(state)))
        blocks = self._hash(state)
        if blocks:
            hashed.update(json.dumps(blocks).encode())
        return hashed.hexdigest()

    def _hash(self, state: State) -> dict[str, list[str]]:
        """The hashes of the blocks of every context that has messages."""
        before, self._known = self._known, {}
        found: dict[str, list[str]] = {}
        for name, context in state.contexts.named.items():
            if context.entries:
                found[name] = [self._known_as(block, before) for block in context.entries]
        return found

    def _known_as(self, block: Block, before: dict[int, _Hashed]) -> str:
        hashed = before.get(id(block)) or _hashed(block)
        self._known[id(block)] = hashed
        return hashed.sha256


def _hashed(block: Block) -> _Hashed:
    return _Hashed(block, hashlib.sha256(_BLOCK.dump_json(block)).hexdigest())


def digest(state: State) -> str:
    """SHA-256 of a state, in hex."""
    return Digests().of(state)


def without_messages(state: State) -> State:
    """The state with no messages in its contexts, which are most of it where there are any."""
    contexts = state.contexts
    if not any(context.entries for context in contexts.named.values()):
        return state
    named = {name: replace(context, entries=()) for name, context in contexts.named.items()}
    return replace(state, contexts=replace(contexts, named=named))
