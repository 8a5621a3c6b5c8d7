"""The journal's owner: the only thing that appends."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import apsw

from ..domain.errors import HeadMoved, JournalUnusable
from . import files
from .committing import Committer
from .connections import connect_writing
from .hardening import Hardening
from .identity import StrPath, require_journal, resolve
from .owner import Ownership
from .records import Draft
from .recovery import recover
from .sealing import Sealed, Sealer

#: When this much waits it is committed there and then: the queue never grows beyond it and one batch.
_MAX_ROWS = 512
_MAX_CHARACTERS = 1 << 20


@dataclass(slots=True)
class _Queue(Sealed):
    """What waits for the next commit, and who for it."""

    durable: bool = False
    waiting: "list[tuple[asyncio.Future[int], int]]" = field(
        default_factory=list["tuple[asyncio.Future[int], int]"]
    )

    def acknowledge(self) -> None:
        for future, position in self.waiting:
            if not future.done():
                future.set_result(position)


class Journal:
    """An open journal, for one thread. What is appended is visible to anybody only when it is committed.

    After any error while writing the journal is spent: whoever waits gets JournalUnusable, and so does every
    later append. A commit that failed may have happened all the same; opening again reads what is there.
    """

    @classmethod
    def open(cls, path: StrPath, *, clock_ns: Callable[[], int] = time.time_ns) -> Self:
        """Own the journal at `path`, making it (0600, a missing folder 0700) when there is no such file.

        `clock_ns` dates what is not an event: the journal itself and its roots (UTC nanoseconds).
        Raises JournalConflict naming the process that owns it, JournalUnusable for a file that is none of
        ours or lies where it cannot be kept safe, JournalCorrupt when its end is damaged.
        """
        resolved = resolve(path)
        if os.path.lexists(resolved):
            require_journal(resolved)
        files.make_folder(resolved)
        files.refuse_network(resolved)
        ownership = Ownership.acquire(resolved, clock_ns())
        try:
            if not os.path.lexists(resolved):
                files.create(resolved, clock_ns())
            return cls(resolved, ownership, clock_ns)
        except BaseException:
            ownership.release()
            raise

    def __init__(self, path: str, ownership: Ownership, clock_ns: Callable[[], int]) -> None:
        """For `open`."""
        #: Resolved.
        self.path = path
        self._ownership = ownership
        self._connection = connect_writing(path)
        try:
            found = recover(self._connection, path)
            #: 16 random bytes; with a position it names an event everywhere.
            self.journal_id = found.journal_id
            self._sealer = Sealer(self._connection, found.head, found.at)
            self._committer = Committer(self._connection, found.frontier, found.rooted, clock_ns)
            self._hardening = Hardening(path, found.head, self._spoil)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, (apsw.Error, OSError)):
                raise JournalUnusable(path=path, problem=f"it cannot be opened ({error})") from error
            raise
        self._committed = found.head
        self._queue = _Queue()
        self._loop: asyncio.AbstractEventLoop
        self._unusable: str | None = None
        self._closed = False

    @property
    def head(self) -> int:
        """Last position given out, committed or about to be; 0 when there is none."""
        return self._sealer.head

    @property
    def committed(self) -> int:
        """Last position that readers see and no kill takes away."""
        return self._committed

    @property
    def hardened(self) -> int:
        """Last position that no power cut takes away."""
        return self._hardening.position

    @property
    def synchronous(self) -> Literal["FULL", "NORMAL"]:
        """What the last commit ran under."""
        return self._committer.synchronous

    def append(self, batch: Sequence[Draft], *, expected: int, durable: bool) -> "asyncio.Future[int]":
        """Give the batch its positions now; the future has its last one when it is committed, all of it.

        One commit takes all that is appended in a turn of the event loop. `expected` is the head that the
        batch was decided from. `durable`: on the disk before the future is done, otherwise at most 250 ms
        later. There is no limit to wait for: an append that fills the queue commits it before it returns.
        Cancelling the future undoes nothing.
        Raises HeadMoved, ValueError for a batch that the journal's rules refuse (nothing of it is taken),
        JournalUnusable, here or from the future.
        """
        if not self._queue.waiting:
            # Once for all of a turn: in Python 3.11 this asks the kernel for the process's id.
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._flush)
        position = self._take(batch, expected, durable)
        future: asyncio.Future[int] = self._loop.create_future()
        queue = self._queue
        queue.waiting.append((future, position))
        if len(queue.rows) >= _MAX_ROWS or queue.characters >= _MAX_CHARACTERS:
            self._flush()
        return future

    def append_now(self, batch: Sequence[Draft], *, expected: int) -> int:
        """Commit the batch, after all that waits, to the disk itself; return its last position.

        Needs no event loop. Raises what `append` does.
        """
        position = self._take(batch, expected, durable=True)
        self._flush()
        if self._unusable is not None:
            raise self._error()
        return position

    def close(self) -> None:
        """Commit what waits, write the last root, empty the log and let go; a second call does nothing.

        Raises JournalUnusable when that could not be written; the journal is let go all the same.
        """
        if self._closed:
            return
        self._queue.durable = True
        try:
            self._flush()
            if self._unusable is None:
                self._finish()
        finally:
            self._let_go()

    def abandon(self) -> None:
        """Let go as a kill would: what waits is not committed and never answered, and the log stays as it is.

        For simulations, and for an owner that must not write any more.
        """
        if not self._closed:
            self._queue = _Queue()
            self._committer.rollback()
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, batch: Sequence[Draft], expected: int, durable: bool) -> int:
        if self._unusable is not None:
            raise self._error()
        if expected != self._sealer.head:
            raise HeadMoved(path=self.path, head=self._sealer.head, expected=expected)
        if not batch:
            raise ValueError("a batch has at least one event")
        try:
            position = self._sealer.seal(batch, self._queue)
        except apsw.Error as error:
            self._spoil(error)
            raise self._error() from error
        self._queue.durable = self._queue.durable or durable
        return position

    def _flush(self) -> None:
        if not self._queue.rows:
            return
        queue = self._queue
        try:
            self._committer.commit(queue.rows, queue.leaves, full=queue.durable)
            self._committed = queue.rows[-1][0]
            self._hardening.committed(self._committed, full=queue.durable)
            self._sealer.committed()
            self._queue = _Queue()
            queue.acknowledge()
            self._committer.checkpoint()
        except BaseException as error:
            self._spoil(error)
            if not isinstance(error, Exception):
                raise

    def _finish(self) -> None:
        try:
            self._committer.finish()
        except apsw.Error as error:
            self._spoil(error)
            raise self._error() from error

    def _spoil(self, error: BaseException) -> None:
        """Refuse everything from now on, what waits first."""
        if self._unusable is not None:
            return
        self._unusable = f"writing failed ({error}); close it and open it again to see what it holds"
        self._committer.rollback()
        for future, _ in self._queue.waiting:
            if not future.done():
                future.set_exception(self._error())
        self._queue = _Queue()

    def _let_go(self) -> None:
        self._closed = True
        self._unusable = self._unusable or "it has been closed"
        self._hardening.close()
        self._connection.close()
        self._ownership.release()

    def _error(self) -> JournalUnusable:
        return JournalUnusable(path=self.path, problem=self._unusable)
