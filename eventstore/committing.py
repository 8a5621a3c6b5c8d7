"""One batch of records, one transaction."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import apsw

from .connections import Guard
from .merkle import Frontier
from .sealing import Command, Row

#: A root is written by the commit that passes a multiple of this, so opening never folds many more events.
ROOT_EVERY = 1024
#: In the order of `sealing.Row`.
_INSERT = (
    "INSERT INTO event"
    " (position, kind, type, version, subject, at, cause, correlation, actor, data, salt, leaf)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_WRITES = frozenset((apsw.SQLITE_INSERT, table) for table in ("event", "root", "command", "checkpoint"))


class Committer:
    """Writes. After an error only `rollback` may be called: what it was writing may or may not be there."""

    def __init__(
        self, connection: apsw.Connection, frontier: Frontier, rooted: int, clock_ns: Callable[[], int]
    ) -> None:
        self._connection = connection
        self._guard = Guard(_WRITES)
        connection.authorizer = self._guard
        #: Over all that is committed.
        self.frontier = frontier
        self._rooted = rooted
        self._clock_ns = clock_ns
        #: Of the log, after the last commit.
        self.log_pages = 0
        connection.set_wal_hook(self._logged)

    def commit(self, rows: Sequence[Row], leaves: Sequence[bytes], commands: Sequence[Command]) -> None:
        """Write the rows, all or none."""
        frontier, guard = self.frontier, self._guard
        connection, execute = self._connection, self._connection.execute
        guard.open = True  # not by `with`, which costs as much as a hash
        try:
            execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, rows)
            if commands:
                connection.executemany("INSERT INTO command VALUES (?, ?, ?, ?)", commands)
            frontier.extend(leaves)
            if frontier.size // ROOT_EVERY > self._rooted // ROOT_EVERY:
                self._write_root()
            execute("COMMIT")
        finally:
            guard.open = False

    def write_checkpoint(self, size: int, note: str) -> None:
        """Write down a note that was signed."""
        with self._guard:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(
                "INSERT INTO checkpoint VALUES (?, ?, ?)", (size, note, self._clock_ns())
            )
            self._connection.execute("COMMIT")

    def finish(self) -> None:
        """Write down the last root."""
        if self.frontier.size > self._rooted:
            with self._guard:
                self._connection.execute("BEGIN IMMEDIATE")
                self._write_root()
                self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo an open transaction as far as SQLite still can."""
        # The error before this one is the one to report, and closing rolls back as well.
        with suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _write_root(self) -> None:
        frontier = self.frontier
        self._connection.execute(
            "INSERT INTO root VALUES (?, ?, ?, ?)",
            (frontier.size, frontier.root(), frontier.packed(), self._clock_ns()),
        )
        self._rooted = frontier.size

    def _logged(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self.log_pages = pages
        return apsw.SQLITE_OK
