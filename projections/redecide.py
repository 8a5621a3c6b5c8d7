"""Deciding every recorded fact again with today's rules: the decisions must be those recorded, to the byte.

The state is folded from what was recorded, so one decision that comes out differently today is one
divergence, and not the first of thousands.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from ..domain.errors import JournalCorrupt
from ..domain.events import Event
from ..domain.kernel import evolve, initial, take
from ..domain.registry import CODEC, UnknownEvent
from ..domain.state import State
from ..eventstore.reader import Reader
from ..eventstore.records import Draft, Record
from .diff import Json, compared
from .history import to_draft, to_event
from .replay import FOLD_ERRORS, Progress

#: As many are listed; the rest are counted.
_LISTED = 1000
_PROGRESS_EVERY = 1024


@dataclass(frozen=True, slots=True)
class Divergence:
    """A decision that is another one today, is missing or one too many; or an event that cannot be."""

    #: Where the decision stands, or would stand.
    position: int
    #: The fact it follows from.
    fact: int
    #: What is different, a line each.
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redecided:
    """What deciding again came to."""

    facts: int
    decisions: int
    divergences: tuple[Divergence, ...]
    #: How many more there are than are listed.
    unlisted: int
    #: Position that could not be folded, so that nothing after it could be decided; None when all was.
    stopped: int | None

    @property
    def ok(self) -> bool:
        """Whether every decision is the recorded one."""
        return not self.divergences


def redecide(reader: Reader, progress: Progress | None = None) -> Redecided:
    """Decide every recorded fact again on the recorded state."""
    found = _Findings()
    state, head = initial(), reader.head()
    try:
        for fact, decisions in steps(reader):
            last = decisions[-1].position if decisions else fact.position
            if progress and (last // _PROGRESS_EVERY > state.position // _PROGRESS_EVERY or last == head):
                progress(last, head)
            state = _again(found, state, fact, decisions)
    except _Stop as stop:
        found.add(stop.divergence)
        return found.report(stop.divergence.position)
    except JournalCorrupt as error:
        position = int(str(error.values["position"]))
        found.add(Divergence(position, position, (str(error.values["problem"]),)))
        return found.report(position)
    return found.report(None)


def steps(reader: Reader) -> Iterator[tuple[Record, list[Record]]]:
    """Each fact with the decisions behind it that it caused. A decision without its fact stands alone."""
    fact: Record | None = None
    decisions: list[Record] = []
    for record in reader.read():
        if fact is not None and record.kind == "decision" and record.cause == fact.position:
            decisions.append(record)
            continue
        if fact is not None:
            yield fact, decisions
        fact, decisions = record, []
    if fact is not None:
        yield fact, decisions


class _Stop(Exception):
    """Nothing after this can be decided."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__()
        self.divergence = divergence


class _Findings:
    """Counts, and collects divergences."""

    def __init__(self) -> None:
        self.facts = self.decisions = self.unlisted = 0
        self.divergences: list[Divergence] = []

    def add(self, *more: Divergence) -> None:
        room = max(0, _LISTED - len(self.divergences))
        self.divergences += more[:room]
        self.unlisted += len(more[room:])

    def report(self, stopped: int | None) -> Redecided:
        return Redecided(self.facts, self.decisions, tuple(self.divergences), self.unlisted, stopped)


def _again(found: _Findings, state: State, fact: Record, decisions: list[Record]) -> State:
    """Decide one fact, compare, and return the state after what was recorded."""
    found.decisions += len(decisions)
    if fact.kind == "decision":
        lines = (f"{fact.type} is a decision that stands behind no fact of its own",)
        found.add(Divergence(fact.position, fact.cause or 0, lines))
        return _folded(state, [fact])
    found.facts += 1
    event = _read(fact)
    try:
        taken = take(state, event)
    except FOLD_ERRORS as error:
        recorded = _folded(state, [fact, *decisions])
        lines = (f"deciding raises {type(error).__name__}: {error}",)
        found.add(Divergence(fact.position, fact.position, lines))
        return recorded
    differing = list(_compare(fact, decisions, taken.decisions))
    found.add(*differing)
    return _folded(state, [fact, *decisions]) if differing else taken.state


def _compare(fact: Record, recorded: list[Record], decided: tuple[Event, ...]) -> Iterator[Divergence]:
    """Pair the decisions by type and subject: one that is missing does not shift the ones behind it."""
    before = [_draft(record) for record in recorded]
    after = [to_draft(event) for event in decided]
    if before == after:
        return
    matcher = SequenceMatcher(a=_keys(before), b=_keys(after), autojunk=False)
    for _, first, last, first_after, last_after in matcher.get_opcodes():
        pairs = zip_longest(before[first:last], after[first_after:last_after])
        for position, (row, row_after) in enumerate(pairs, fact.position + 1 + first):
            if not _alike(row, row_after):
                yield Divergence(position, fact.position, tuple(_lines(row, row_after)))


def _draft(record: Record) -> Draft | Record:
    """The row as it would be written today; one without data stays as it is, for it is like no draft."""
    if record.data is None:
        return record
    if CODEC.current.get(record.type, record.version) == record.version:
        return Draft._make(record[1:])
    return to_draft(_read(record))


def _alike(recorded: Draft | Record | None, decided: Draft | None) -> bool:
    """Whether they say the same; what was redacted said what is decided, if all that is left of it does."""
    if isinstance(recorded, Record) and decided is not None:
        return recorded[1:] == decided._replace(data=None)  # type: ignore[arg-type]  # as the row has it
    return recorded == decided


def _keys(rows: Sequence[Draft | Record]) -> list[tuple[str, str]]:
    return [(row.type, row.subject) for row in rows]


def _lines(recorded: Draft | Record | None, decided: Draft | None) -> Iterator[str]:
    """What is different, in fields where both are there."""
    if recorded is None or decided is None:
        row = recorded or decided
        when = "is decided today and was not recorded" if recorded is None else "is not decided today"
        if row is not None:
            yield f"{row.type} {row.subject} {when}"
        return
    changes = list(compared(_plain(recorded), _plain(decided)))
    yield from (f"{recorded.type}: {change}" for change in changes)
    if not changes:
        yield f"{recorded.type}: the same content is written differently"


def _plain(row: Draft | Record) -> Json:
    """As JSON has it, to be compared field by field."""
    values = row._asdict()
    values.pop("position", None)
    return {**values, "data": None if row.data is None else json.loads(row.data)}


def _folded(state: State, records: list[Record]) -> State:
    for record in records:
        try:
            state = evolve(state, _read(record))
        except FOLD_ERRORS as error:
            lines = (f"cannot have happened here: {type(error).__name__}: {error}",)
            raise _Stop(Divergence(record.position, record.position, lines)) from error
    return state


def _read(record: Record) -> Event:
    try:
        return to_event(record)
    except (UnknownEvent, ValueError) as error:
        lines = (f"cannot be read: {type(error).__name__}: {error}",)
        raise _Stop(Divergence(record.position, record.position, lines)) from error
