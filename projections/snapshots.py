"""The state as it was, so that nobody has to fold a long journal from the beginning.

A snapshot is a short cut and never decides: one that was folded by other rules is not trusted, and where the
tail does not fold on it, the journal is folded from its first event.
"""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from ..domain.state import STATE_VERSION, State
from ..eventstore.reader import Reader
from ..eventstore.snapshots import SnapshotStore
from .history import events, fold, state_from_json, state_to_json
from .replay import FOLD_ERRORS

#: Of the fold, in the store.
NAME = "state"


@cache
def code_fingerprint() -> str:
    """SHA-256 over the rules' source: states folded by other rules are not trusted."""
    package = (__package__ or "").rpartition(".")[0]
    hashed = hashlib.sha256()
    for name, source in sorted(_sources(files(f"{package}.domain"), "")):
        hashed.update(name.encode() + b"\0" + source + b"\0")
    return hashed.hexdigest()


def restore(reader: Reader, store: SnapshotStore) -> State:
    """The state at the end of the journal: the latest snapshot that can be trusted, and the tail."""
    start = nearest(store, reader.head())
    if start is not None:
        try:
            return fold(events(reader, after=start.position), start)
        except FOLD_ERRORS:
            return fold(events(reader))
    return fold(events(reader))


def nearest(store: SnapshotStore, position: int) -> State | None:
    """The state of the latest snapshot, if it can be trusted and is not after a position."""
    found = store.load(NAME, STATE_VERSION, code_fingerprint())
    if found is None or found.position > position:
        return None
    try:
        return state_from_json(found.body)
    except ValueError:
        return None


def save(store: SnapshotStore, state: State) -> None:
    """Keep a committed state for whoever comes next."""
    store.save(NAME, STATE_VERSION, code_fingerprint(), state.position, state_to_json(state))


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
