"""One batch of records, one transaction."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal

import apsw

from .merkle import Frontier
from .sealing import Row

#: A root is written by the commit that passes a multiple of this, so opening never folds many more events.
ROOT_EVERY = 1024
#: Pages of log after which it is copied into the database: 16 MB.
_CHECKPOINT_PAGES = 4000
#: In the order of `sealing.Row`.
_INSERT = (
    "INSERT INTO event"
    " (position, subject_version, leaf, kind, type, version, subject, at, cause, correlation, actor, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Committer:
    """Writes. After an error only `rollback` may be called: what it was writing may or may not be there."""

    def __init__(
        self, connection: apsw.Connection, frontier: Frontier, rooted: int, clock_ns: Callable[[], int]
    ) -> None:
        self._connection = connection
        self._frontier = frontier
        self._rooted = rooted
        self._clock_ns = clock_ns
        self._log_pages = 0
        self._synchronous = 0
        connection.set_wal_hook(self._logged)
        self._switch(2)

    @property
    def synchronous(self) -> Literal["FULL", "NORMAL"]:
        """What the last commit ran under, as SQLite says it."""
        return "FULL" if self._connection.pragma("synchronous") == 2 else "NORMAL"

    def commit(self, rows: Sequence[Row], leaves: Sequence[bytes], *, full: bool) -> None:
        """Write the rows, all or none. `full`: on the disk itself, with all that was committed before."""
        self._switch(2 if full else 1)
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, rows)
        self._frontier.extend(leaves)
        if self._frontier.size // ROOT_EVERY > self._rooted // ROOT_EVERY:
            self._write_root()
        execute("COMMIT")

    def finish(self) -> None:
        """Write down the last root, bring everything into the one file, and empty the log."""
        self._switch(2)
        if self._frontier.size > self._rooted:
            with self._connection:
                self._write_root()
        self._connection.set_busy_timeout(0)
        # A reader in the middle of the log keeps it beside the file, whole, for whoever opens the journal
        # next.
        with suppress(apsw.BusyError):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def checkpoint(self) -> None:
        """Copy the log into the database when it is long, so that it can start over. Waits for no reader."""
        if self._log_pages >= _CHECKPOINT_PAGES:
            self._log_pages = 0
            with suppress(apsw.BusyError):  # somebody else is at it
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def rollback(self) -> None:
        """Undo an open transaction as far as SQLite still can."""
        # The error before this one is the one to report, and closing rolls back as well.
        with suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _switch(self, synchronous: int) -> None:
        if self._synchronous != synchronous:
            self._connection.pragma("synchronous", synchronous)
            self._synchronous = synchronous

    def _write_root(self) -> None:
        frontier = self._frontier
        self._connection.execute(
            "INSERT INTO root VALUES (?, ?, ?, ?)",
            (frontier.size, frontier.root(), frontier.packed(), self._clock_ns()),
        )
        self._rooted = frontier.size

    def _logged(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK
