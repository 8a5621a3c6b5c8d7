"""The state as it was, so that nobody has to fold a long journal from the beginning.

A snapshot is a short cut and never decides: one that was folded by other rules is not trusted, and where the
tail does not fold on it, the journal is folded from its first event.
"""

import hashlib
from contextlib import suppress
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from time import perf_counter_ns
from typing import NamedTuple

from ..domain.errors import BursarError, JournalCorrupt
from ..domain.folding import Folder, Row
from ..domain.kernel import initial
from ..domain.state import STATE_VERSION, State
from ..eventstore.reader import Reader
from ..eventstore.snapshots import SnapshotStore
from .history import state_from_json, state_to_json_slowly
from .replay import UNFOLDABLE, state_at

#: Of the fold, in the store.
NAME = "state"
#: Events after which the time that folding them took says something: two milliseconds' worth.
_SAMPLE = 128


@cache
def code_fingerprint() -> str:
    """SHA-256 over the rules' source: states folded by other rules are not trusted."""
    package = (__package__ or "").rpartition(".")[0]
    hashed = hashlib.sha256()
    for name, source in sorted(_sources(files(f"{package}.domain"), "")):
        hashed.update(name.encode() + b"\0" + source + b"\0")
    return hashed.hexdigest()


class Restored(NamedTuple):
    """The state at the end of a journal, and what it took to come to it."""

    state: State
    #: Position of the snapshot that the fold went on from; 0 when it began with the first event.
    snapshot: int
    #: Nanoseconds that an event took; None when there were too few of them to tell.
    event_ns: int | None


def restored(reader: Reader, store: SnapshotStore) -> Restored:
    """The state at the end of the journal: the latest snapshot that can be trusted, and the tail.

    Raises JournalCorrupt for an event that cannot be read or cannot have happened there.
    """
    head = reader.head()
    start = nearest(store, head)
    if start is not None:
        # What a snapshot does not lead to is tried from the first event; only that can be damage.
        with suppress(JournalCorrupt):
            return _folded_on(reader, head, start)
    return _folded_on(reader, head, initial())


def restore(reader: Reader, store: SnapshotStore) -> State:
    """The same, when it does not matter what it took."""
    return restored(reader, store).state


def nearest(store: SnapshotStore, position: int) -> State | None:
    """The state of the latest snapshot that can be trusted and is not after a position; None without one."""
    found = store.load(NAME, STATE_VERSION, code_fingerprint(), until=position)
    if found is None:
        return None
    try:
        return state_from_json(found.body)
    except ValueError:
        return None


def event_ns(reader: Reader, state: State) -> int | None:
    """Nanoseconds that folding one of the events behind a state takes now; None when it cannot be told."""
    try:
        rows = list(reader.rows(state.position, state.position + _SAMPLE))
        return min(_took_ns(rows, state) for _ in range(2)) // _SAMPLE if len(rows) == _SAMPLE else None
    except (BursarError, *UNFOLDABLE):
        return None


def _took_ns(rows: list[Row], state: State) -> int:
    began = perf_counter_ns()
    folder = Folder(state)
    for row in rows:
        folder.fold(row)
    return perf_counter_ns() - began


def _folded_on(reader: Reader, head: int, start: State) -> Restored:
    began = perf_counter_ns()
    state = state_at(reader, head, start)
    events = head - start.position
    took_ns = perf_counter_ns() - began
    return Restored(state, start.position, took_ns // events if events >= _SAMPLE else None)


def save(store: SnapshotStore, state: State) -> None:
    """Keep a committed state for whoever comes next; on any thread."""
    store.save(NAME, STATE_VERSION, code_fingerprint(), state.position, state_to_json_slowly(state))


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
