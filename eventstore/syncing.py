"""What is on the disk itself, and bringing the rest there.

A commit under synchronous=NORMAL is in the log and in the kernel's memory, where a kill -9 does not touch it
and a power cut does. Syncing the log in a thread gives it what FULL gives, frame by frame the same file,
without holding up the event loop for as long as the disk takes; one sync serves everybody who waited when it
began.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from .storage import Storage, call_in

#: Leaves the disk 50 ms of the 250.
_TICK_S = 0.2


class Syncing:
    """Syncs the log at once for those who wait for it, and else at most 250 ms after a commit.

    For the journal's thread.
    """

    def __init__(
        self,
        storage: Storage,
        head: int,
        synced: Callable[[], object],
        failed: Callable[[BaseException], object],
    ) -> None:
        """`synced` is called when `position` has risen, `failed` when the disk refuses."""
        self._storage = storage
        #: Last position that no power cut can take.
        self.position = head
        self._committed = head
        self._wanted = head
        self._synced = synced
        self._failed = failed
        self._timer: asyncio.TimerHandle | None = None
        self._running = False
        #: By the loop's clock.
        self._began_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def committed(self, position: int, *, wanted: bool, loop: asyncio.AbstractEventLoop) -> None:
        """Say what was committed, and whether somebody waits for it to be on the disk."""
        self._committed = position
        if loop is not self._loop:  # what a loop that has ended was to call back is never called
            self._loop, self._timer, self._running = loop, None, False
        if wanted:
            self._wanted = position
            self._start(loop)
        elif self._timer is None and not self._running:
            self._timer = loop.call_later(_TICK_S, self._start, loop)

    def now(self, position: int) -> None:
        """Sync, and return when it is done. Raises OSError."""
        self._storage.sync()
        self._committed = self.position = position

    def close(self) -> None:
        """Call nobody back any more."""
        self._forget_timer()
        self._loop = None

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._running:
            return
        self._forget_timer()
        self._running, self._began_s = True, loop.time()
        syncing = self._storage.run(self._storage.sync)
        done = partial(self._done, loop, self._committed)
        syncing.add_done_callback(partial(call_in, loop, done))

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _done(self, loop: asyncio.AbstractEventLoop, target: int, done: "Future[None]") -> None:
        if loop is not self._loop:
            return
        self._running = False
        error = done.exception()
        if error is not None:
            self._failed(error)
            return
        if target > self.position:
            self.position = target
            self._synced()
        if self._loop is loop and self._committed > target:
            if self._wanted > target:
                self._start(loop)
            else:  # it may have been committed as soon as this sync had begun
                self._timer = loop.call_at(self._began_s + _TICK_S, self._start, loop)
