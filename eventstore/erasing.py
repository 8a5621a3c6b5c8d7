"""Taking data out of a journal: an event's own, or the rows of a segment that lies in a file.

On a connection of its own, where the triggers hold and what goes is overwritten. The log is cut off
afterwards, since it would hold the old pages until it starts over.
"""

from collections.abc import Generator
from contextlib import contextmanager

import apsw

from ..domain.errors import JournalWriteFailed, LogNotEmptied
from .connections import Guard, connect_erasing, is_sync_error
from .merkle import SEGMENT, data_hash

_REDACTS = frozenset({(apsw.SQLITE_INSERT, "redaction"), (apsw.SQLITE_UPDATE, "event")})
_MOVES = frozenset({(apsw.SQLITE_INSERT, "archive"), (apsw.SQLITE_DELETE, "event")})


def erase(path: str, position: int, by: int) -> None:
    """Leave of an event's data and salt their hash. A second time changes nothing.

    Raises JournalWriteFailed, LogNotEmptied, apsw.Error when the disk refuses to sync, ValueError when there
    is no such event, or no EventRedacted after it at `by`.
    """
    with _erasing(path, _REDACTS) as connection:
        row = connection.execute("SELECT salt, data FROM event WHERE position = ?", (position,)).fetchone()
        if row is None:
            raise ValueError(_absence(connection, position))
        salt, data = row
        if data is None:
            return
        reason = connection.execute("SELECT type FROM event WHERE position = ?", (by,)).get
        if reason != "EventRedacted" or by <= position:
            raise ValueError(f"position {by} is not the EventRedacted of position {position}")
        connection.execute("INSERT INTO redaction VALUES (?, ?)", (position, by))
        connection.execute(
            "UPDATE event SET data = NULL, salt = NULL, data_hash = ? WHERE position = ?",
            (data_hash(salt, data), position),
        )


def move_out(path: str, segment: int, root: bytes, file: str, sha256: bytes) -> None:
    """Note that a file holds the rows of a segment, and delete them. Raises as `erase`."""
    with _erasing(path, _MOVES) as connection:
        connection.execute("INSERT INTO archive VALUES (?, ?, ?, ?)", (segment, root, file, sha256))
        first = segment * SEGMENT + 1
        connection.execute("DELETE FROM event WHERE position BETWEEN ? AND ?", (first, first + SEGMENT - 1))


def _absence(connection: apsw.Connection, position: int) -> str:
    file = connection.execute("SELECT file FROM archive WHERE segment = ?", ((position - 1) // SEGMENT,)).get
    if file is None:
        return f"there is no event at position {position}"
    return f"position {position} has been moved to {file}, and nothing can be taken out of that"


def _empty_log(connection: apsw.Connection, path: str) -> None:
    """Wait for readers in the middle of the log as long as the connection's timeout, and cut it off."""
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError as error:
        raise LogNotEmptied(path=path) from error


@contextmanager
def _erasing(path: str, allowed: "frozenset[tuple[int, str]]") -> Generator[apsw.Connection]:
    """One transaction, and the log cut off behind it.

    Raises JournalWriteFailed, LogNotEmptied, apsw.Error when the disk refuses to sync.
    """
    guard = Guard(allowed)
    connection = connect_erasing(path, guard)
    try:
        with guard:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        _empty_log(connection, path)
    except apsw.Error as error:
        if is_sync_error(error):
            raise
        raise JournalWriteFailed(path=path, problem=f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()  # which undoes what was not committed
