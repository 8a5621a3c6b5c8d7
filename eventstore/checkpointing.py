"""Copying the log into the database, so that it can start over: in a thread, beside the commits.

A log starts over when a commit finds all of it copied. While commits go on there is always a little that is
not, so when the log has reached its cap, commits are held for one more copy of the little that remains.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import apsw

from .connections import is_sync_error
from .storage import Storage, call_in

#: Pages of log after which it is copied: 16 MB; and again whenever it has grown by another 4 MB.
_PAGES, _MORE = 4096, 1024
#: Pages at which commits are held: 64 MB, the `journal_size_limit` of the connections.
_CAP = 16_384
#: Without a commit for this long the log is copied and cut off.
_IDLE_S = 5.0


class Checkpointing:
    """Decides when, and whether commits must wait. For the journal's thread."""

    def __init__(
        self, storage: Storage, resumed: Callable[[], object], failed: Callable[[BaseException], object]
    ) -> None:
        """`resumed` is called when commits need not wait any more, `failed` when a sync fails."""
        self._storage = storage
        self._resumed = resumed
        self._failed = failed
        #: Whether commits have to wait.
        self.held = False
        self._pages = 0
        self._due = _PAGES
        self._running: Future[tuple[int, int]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seen = 0

    def logged(self, pages: int, loop: asyncio.AbstractEventLoop | None) -> None:
        """Say how long the log is after a commit; without a loop a long one is copied here and now."""
        if pages < self._pages:  # it has started over
            self._due = _PAGES
        self._pages = pages
        if loop is not self._loop:
            self._adopt(loop)
        if pages < self._due or self._running is not None:
            return
        if loop is None:
            self._storage.checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._due = self._pages + _MORE
        else:
            self._start(loop, apsw.SQLITE_CHECKPOINT_PASSIVE, held=pages >= _CAP)

    def wait(self) -> None:
        """Return when commits need not wait any more."""
        if self._running is not None:
            self._finished(self._running)

    def close(self) -> None:
        """Call nobody back any more."""
        self._adopt(None)

    def _adopt(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop, self._running, self.held = loop, None, False
        if loop is not None:
            loop.call_later(_IDLE_S, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cut the log off when nothing was committed since the last look."""
        if loop is not self._loop:
            return
        if self._pages and self._pages == self._seen and self._running is None:
            self._start(loop, apsw.SQLITE_CHECKPOINT_TRUNCATE, held=True)
            self._pages = 0
        self._seen = self._pages
        loop.call_later(_IDLE_S, self._look, loop)

    def _start(self, loop: asyncio.AbstractEventLoop, mode: int, *, held: bool) -> None:
        self.held = held
        self._due = self._pages + _MORE
        self._running = running = self._storage.run(partial(self._storage.checkpoint, mode))
        running.add_done_callback(partial(call_in, loop, self._finished))

    def _finished(self, done: "Future[tuple[int, int]]") -> None:
        if done is not self._running:
            return
        error = done.exception()
        self._running = None
        if error is not None and is_sync_error(error):
            self._failed(error)
            return
        # Another error leaves the log longer than it should be, and the next checkpoint tries again.
        if self.held:
            self.held = False
            self._resumed()
