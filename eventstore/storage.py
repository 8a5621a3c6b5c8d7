"""What a journal stands on: connections, the log's file, and threads for what takes as long as the disk does.

A seam: the journal's own code never names a file or a thread, so a test can put a disk under it that tears,
drops and lies.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, TypeVar

import apsw

from .connections import connect_checkpointing, connect_writing
from .files import rewritten, sync_folder, synced

_T = TypeVar("_T")


class Storage(Protocol):
    """The ground under one open journal."""

    #: For the journal's own thread.
    connection: apsw.Connection

    def sync(self) -> None:
        """Bring what is written to the log onto the disk itself. Raises OSError."""
        ...

    def rewrite(self) -> None:
        """Write the log once more, as it is read, and bring it onto the disk itself. Raises OSError."""
        ...

    def checkpoint(self, mode: int) -> tuple[int, int]:
        """Copy the log into the database, as far as its readers let; return its pages, and those copied.

        `mode` is one of SQLite's. Waits for nobody. Raises apsw.Error.
        """
        ...

    def run(self, work: Callable[[], _T]) -> "Future[_T]":
        """Do it elsewhere, so that the journal's thread goes on."""
        ...

    def close(self, *, keep_log: bool) -> None:
        """Let go of everything, when what runs elsewhere has ended. `keep_log`: do not empty the log."""
        ...


class DiskStorage:
    """Real files. Checkpoints have a connection of their own, and syncs a descriptor of the log's.

    That descriptor is safe to close in a process that has the database open (the database's would drop
    SQLite's locks), and it is opened once, so that an error of an earlier write is reported to it, not lost.
    """

    def __init__(self, path: str) -> None:
        """Raises JournalUnusable, JournalCorrupt, OSError."""
        connections = [connect_writing(path)]
        try:
            connections.append(connect_checkpointing(path))
            self._log = os.open(path + "-wal", os.O_RDWR)
            synced(self._log)
            sync_folder(path)
        except BaseException:
            for connection in connections:  # nothing is copied from a log that could not be synced
                _close(connection, keep_log=True)
            raise
        self.connection, self._checkpointing = connections
        # Two threads: a sync that somebody waits for must not queue behind a long checkpoint.
        self._threads = ThreadPoolExecutor(2, "bursar-journal")

    def sync(self) -> None:
        """Sync the log."""
        synced(self._log)

    def rewrite(self) -> None:
        """Rewrite the log."""
        rewritten(self._log)

    def checkpoint(self, mode: int) -> tuple[int, int]:
        """Checkpoint, on the connection that is for that alone."""
        try:
            return self._checkpointing.wal_checkpoint(mode=mode)
        except apsw.BusyError:  # somebody else is at it, or reads in the middle of the log
            return 1, 0

    def run(self, work: Callable[[], _T]) -> "Future[_T]":
        """Run it in a thread."""
        return self._threads.submit(work)

    def close(self, *, keep_log: bool) -> None:
        """Close the threads, then the files."""
        self._threads.shutdown(wait=True)
        for connection in (self._checkpointing, self.connection):
            _close(connection, keep_log=keep_log)
        os.close(self._log)


def _close(connection: apsw.Connection, *, keep_log: bool) -> None:
    with suppress(apsw.Error):
        if keep_log:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


def call_in(
    loop: asyncio.AbstractEventLoop, callback: "Callable[[Future[_T]], None]", done: "Future[_T]"
) -> None:
    """Call back in the loop's thread, unless the loop has ended."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback, done)
