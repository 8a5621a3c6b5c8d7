"""Bounds what a power cut can take: NORMAL commits reach the disk itself at most 250 ms later.

A commit under synchronous=NORMAL is in the log and in the kernel's memory, where a kill -9 does not touch it
and a power cut does. The tick syncs the log. It does so by fdatasync on a descriptor of its own, in a thread,
because the alternative, a commit under FULL, would need a row to write and would hold up the event loop for
as long as the disk takes. The log's descriptor is safe to close in a process that has the database open (the
database's would drop SQLite's locks), and it is opened once, so that an error of an earlier write is reported
to it and not lost.
"""

import asyncio
import os
from collections.abc import Callable

from .files import sync_folder

#: Leaves the disk 50 ms of the 250.
_TICK_S = 0.2
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class Hardening:
    """Keeps track of what is on the disk. For the event loop's thread."""

    def __init__(self, journal: str, head: int, failed: Callable[[BaseException], None]) -> None:
        """`failed` is called when the log cannot be synced. Raises OSError when it cannot be opened."""
        self._log = os.open(journal + "-wal", os.O_RDONLY)
        _sync(self._log)
        sync_folder(journal)
        #: Last position that no power cut can take.
        self.position = head
        self._committed = head
        self._failed = failed
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def committed(self, position: int, *, full: bool) -> None:
        """Say what was committed, and whether under FULL. Needs a running loop if not."""
        self._committed = position
        if full:
            self._settle(position)
            return
        loop = asyncio.get_running_loop()
        if self._timer is None or loop is not self._loop:  # a timer of a loop that has ended never fires
            self._loop = loop
            self._timer = loop.call_later(_TICK_S, self._tick)

    def close(self) -> None:
        """Stop ticking."""
        self._settle(self.position)
        os.close(self._log)

    def _settle(self, position: int) -> None:
        self.position = position
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        target = self._committed
        loop = asyncio.get_running_loop()
        # A duplicate, so that closing the journal meanwhile does not take the descriptor away from the
        # thread.
        syncing = loop.run_in_executor(None, _sync_and_close, os.dup(self._log))
        syncing.add_done_callback(lambda done: self._synced(target, done))

    def _synced(self, target: int, done: "asyncio.Future[None]") -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self.position = max(self.position, target)
        else:
            self._failed(error)


def _sync_and_close(descriptor: int) -> None:
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)
