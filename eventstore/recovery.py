"""What the owner must know of a journal before it appends: found in bounded time, and checked."""

from typing import NamedTuple

import apsw

from ..domain.errors import JournalCorrupt
from .connections import READ_ERRORS, translated
from .merkle import Frontier, data_hash, leaf_hash
from .records import COLUMNS, Leaf, Record

_TAIL = (
    f"SELECT {COLUMNS}, {', '.join(Leaf._fields)} FROM event"  # noqa: S608 - names of our own
    " WHERE position >= ? ORDER BY position"
)


class Recovered(NamedTuple):
    """Where a journal stands."""

    journal_id: bytes
    #: Last position; 0 when there is none.
    head: int
    #: Its time, UTC nanoseconds; 0 when there is none.
    at: int
    #: Its leaf.
    leaf: bytes
    #: Over all positions.
    frontier: Frontier
    #: Size of the last root that is written down.
    rooted: int


def recover(connection: apsw.Connection, path: str) -> Recovered:
    """Read the last root, check it, and fold the events after it, checking each against its leaf.

    There are never many of those: see `committing.ROOT_EVERY`. Raises JournalCorrupt.
    """
    journal_id = _journal_id(connection, path)
    frontier = _last_root(connection, path)
    rooted, at, last = frontier.size, 0, b""
    try:
        for *fields, salt, hashed, leaf in connection.execute(_TAIL, (max(rooted, 1),)):
            record = Record._make(fields)
            at, last = record.at, leaf
            if record.position > rooted:
                _fold(record, Leaf(salt, hashed, leaf), frontier, path)
    except READ_ERRORS as error:
        raise translated(path, error, frontier.size + 1) from error
    if rooted and not at:
        raise JournalCorrupt(path=path, position=rooted, problem="there was an event here and it is gone")
    return Recovered(journal_id, frontier.size, at, last, frontier, rooted)


def _journal_id(connection: apsw.Connection, path: str) -> bytes:
    try:
        row = connection.execute("SELECT journal_id FROM journal").fetchone()
    except READ_ERRORS as error:
        raise translated(path, error, 0) from error
    if row is None:
        raise JournalCorrupt(path=path, position=0, problem="it does not say which journal it is")
    journal_id: bytes = row[0]
    return journal_id


def _last_root(connection: apsw.Connection, path: str) -> Frontier:
    try:
        row = connection.execute(
            "SELECT size, root, frontier FROM root ORDER BY size DESC LIMIT 1"
        ).fetchone()
    except READ_ERRORS as error:
        raise translated(path, error, 0) from error
    if row is None:
        return Frontier()
    size, root, packed = row
    try:
        frontier = Frontier.restored(size, packed)
        folded = frontier.root()
    except (ValueError, TypeError) as error:  # in a damaged file a column may have any type
        raise JournalCorrupt(path=path, position=size, problem=f"its tree is unreadable ({error})") from error
    if folded != root:
        raise JournalCorrupt(path=path, position=size, problem="its tree does not fold to the root beside it")
    return frontier


def _fold(record: Record, leaf: Leaf, frontier: Frontier, path: str) -> None:
    if record.position != frontier.size + 1:
        raise JournalCorrupt(
            path=path, position=frontier.size + 1, problem="there is no such event, but later ones"
        )
    if leaf_of(record, leaf) != leaf.leaf:
        raise JournalCorrupt(
            path=path, position=record.position, problem="the event does not hash to its leaf"
        )
    frontier.extend((leaf.leaf,))


def leaf_of(record: Record, leaf: Leaf) -> bytes | None:
    """The leaf that an event ought to have; None when no event can look like that."""
    position, kind, type_, version, subject, at, cause, correlation, actor, data = record
    try:
        hashed = leaf.data_hash if data is None or leaf.salt is None else data_hash(leaf.salt, data)
        if hashed is None:
            return None
        return leaf_hash(position, kind, type_, version, subject, at, cause, correlation, actor, hashed)
    except (ValueError, TypeError, AttributeError):
        return None
