"""The journal's owner: the only thing that appends."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Self

import apsw

from ..domain.errors import BursarError, HeadMoved, JournalUnusable, JournalWriteFailed
from . import files
from .checkpointing import Checkpointing
from .commands import Commands
from .committing import Committer
from .connections import is_sync_error
from .erasing import erase, move_out
from .identity import StrPath, require_journal, resolve
from .merkle import Frontier
from .owner import Owner, Ownership
from .reader import Reader
from .records import Draft
from .recovery import Recovered, recover
from .sealing import Queue, Sealer
from .storage import DiskStorage, Storage
from .syncing import Syncing
from .waiting import Waiting

#: When this much waits it is committed there and then: a commit never takes long.
_MAX_ROWS = 256
_MAX_CHARACTERS = 1 << 19
#: While commits are held for a checkpoint this much may wait; then who appends waits for it too.
_MOST_ROWS = 8192


class Journal:
    """An open journal, for one thread. What is appended is visible to anybody only when it is committed.

    An error while writing does not say whether it was written, so the journal looks: then either everybody
    is answered as if nothing had happened, or they get JournalWriteFailed and the journal goes on from what
    it holds. After a sync that failed, or when it cannot look, it is spent: JournalUnusable from then on.
    """

    @classmethod
    def open(
        cls,
        path: StrPath,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        entropy: Callable[[int], bytes] = os.urandom,
        storage: Callable[[str], Storage] = DiskStorage,
    ) -> Self:
        """Own the journal at `path`, making it (0600, a missing folder 0700) when there is no such file.

        `clock_ns` dates what is not an event: the journal itself and its roots (UTC nanoseconds). A
        simulation brings salts of its own, `entropy`, and a storage that does without threads.
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
            if new := not os.path.lexists(resolved):
                files.create(resolved, clock_ns())
            try:
                opened = storage(resolved)
            except (apsw.Error, OSError) as error:
                ownership.distrust()
                raise JournalUnusable(path=resolved, problem=f"it cannot be opened ({error})") from error
            return cls(resolved, opened, ownership, clock_ns=clock_ns, entropy=entropy, new=new)
        except BaseException:
            ownership.release()
            raise

    def __init__(
        self,
        path: str,
        storage: Storage,
        owner: Owner,
        *,
        clock_ns: Callable[[], int],
        entropy: Callable[[int], bytes],
        new: bool = False,
    ) -> None:
        """For `open`, and for who brings a storage and an ownership of its own."""
        #: Resolved.
        self.path = path
        self._storage = storage
        self._owner = owner
        self._clock_ns = clock_ns
        self._entropy = entropy
        try:
            if owner.suspect:
                storage.rewrite()
            found = recover(storage.connection, path)
        except BaseException as error:
            storage.close(keep_log=True)
            if not isinstance(error, OSError):
                raise
            owner.distrust()
            raise JournalUnusable(path=path, problem=f"its log cannot be written ({error})") from error
        #: 16 random bytes; with a position it names an event everywhere.
        self.journal_id = found.journal_id
        #: How the owner before ended, and what may be missing because of it.
        self.opened = owner.opened(found.journal_id, found.head, new=new)
        self._adopt(found)
        self._committed = found.head
        self._commands = Commands(storage.connection)
        self._syncing = Syncing(storage, found.head, self._acknowledge, self._spoil)
        self._checkpointing = Checkpointing(storage, self._flush, self._spoil)
        self._queue = Queue()
        self._waiting = Waiting()
        self._flushing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[int], None]] = []
        self._closing: list[Callable[[], None]] = []
        self._unusable: str | None = None
        self._closed = False

    @property
    def head(self) -> int:
        """Last position given out, committed or about to be; 0 when there is none."""
        return self._sealer.head

    @property
    def at(self) -> int:
        """Time of the event at the head, UTC nanoseconds; 0 when there is none."""
        return self._sealer.at

    @property
    def committed(self) -> int:
        """Last position that readers see and no kill takes away."""
        return self._committed

    @property
    def hardened(self) -> int:
        """Last position that no power cut takes away."""
        return self._syncing.position

    @property
    def held(self) -> bool:
        """Whether what is written now waits for a checkpoint of the log, which takes milliseconds."""
        return self._checkpointing.held

    def append(
        self, batch: Sequence[Draft], *, expected: int, durable: bool, command: str | None = None
    ) -> "asyncio.Future[int]":
        """Give the batch its positions now; the future has its last one when it is committed, all of it.

        One commit takes all that is appended in a turn of the event loop. `expected` is the head that the
        batch was decided from. `durable`: on the disk itself before the future is done, otherwise at most
        250 ms later. Futures are done in the order of the positions. `command` is an id of the caller's: when
        it was taken before, with the same content, nothing is appended and the future has the old position.
        There is a limit to what may wait: an append that reaches it commits before it returns.
        Cancelling the future undoes nothing.
        Raises HeadMoved, CommandConflict, ValueError for a batch that the journal's rules refuse (nothing of
        it is taken), JournalUnusable; the future raises JournalWriteFailed or JournalUnusable.
        """
        loop = self._loop
        if loop is None or not self._flushing:
            # Once for all of a turn: in Python 3.11 this asks the kernel for the process's id.
            self._loop = loop = asyncio.get_running_loop()
            self._flushing = True
            loop.call_soon(self._end_turn)
        position, again = self._take(batch, expected, durable, command)
        future: asyncio.Future[int] = loop.create_future()
        self._waiting.append((future, position, durable))
        queue = self._queue
        if len(queue.drafts) >= _MAX_ROWS or queue.characters >= _MAX_CHARACTERS:
            if self._checkpointing.held and len(queue.drafts) >= _MOST_ROWS:
                self._checkpointing.wait()
            self._flush()
        elif again:
            self._acknowledge()
        return future

    def taken(self, command: str) -> tuple[int, int] | None:
        """First and last position of what has this id, committed or about to be; None when nothing has.

        Raises JournalUnusable.
        """
        if self._unusable is not None:
            raise JournalUnusable(path=self.path, problem=self._unusable)
        known = self._commands.find(command)
        return known and known[2:]

    def append_now(self, batch: Sequence[Draft], *, expected: int, command: str | None = None) -> int:
        """Commit the batch, after all that waits, to the disk itself; return its last position.

        Needs no event loop. Raises what `append` and its future do.
        """
        if self._loop is not None and not self._loop.is_running():
            self._loop = None
        position, _ = self._take(batch, expected, True, command)
        self._settle()
        self._sync()
        return position

    def listen(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back after every commit, with its last position; returns what ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def before_close(self, callback: Callable[[], None]) -> None:
        """Call back while closing, when all is committed and the journal can still be written."""
        self._closing.append(callback)

    def reader(self) -> Reader:
        """A view of this journal, for any thread but one at a time."""
        return Reader(self.path)

    def tree(self) -> Frontier:
        """The tree over all that is committed; a copy."""
        return self._committer.frontier.copy()

    def write_checkpoint(self, size: int, note: str) -> None:
        """Keep a signed note on the tree over the first `size` positions. Raises JournalUnusable."""
        self._write(lambda: self._committer.write_checkpoint(size, note))

    def redact(self, position: int, by: int) -> None:
        """Take data and salt out of an event, for ever; `by` is the position of the event that says why.

        The hash of the two stays, and with it the leaf and every proof. A second time changes nothing.
        Raises ValueError when either is not there, LogNotEmptied, JournalWriteFailed, JournalUnusable.
        """
        self._settle()
        self._write(lambda: erase(self.path, position, by))

    def archive_rows(self, segment: int, root: bytes, file: str, sha256: bytes) -> None:
        """Take out the rows that the file holds. Raises JournalWriteFailed, JournalUnusable."""
        self._settle()
        self._write(lambda: move_out(self.path, segment, root, file, sha256))

    def close(self) -> None:
        """Commit what waits, write the last root, empty the log and let go; a second call does nothing.

        Raises JournalUnusable when that could not be written; the journal is let go all the same.
        """
        if self._closed:
            return
        finished = False
        try:
            finished = self._finish()
        finally:
            # After a sync that failed, the log may hold what the disk does not: nothing is copied from it.
            self._let_go(finished=finished)

    def abandon(self) -> None:
        """Let go as a kill would: what waits is not committed and never answered, the log stays as it is."""
        if not self._closed:
            self._queue = Queue()
            self._committer.rollback()
            self._let_go(finished=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(
        self, batch: Sequence[Draft], expected: int, durable: bool, command: str | None
    ) -> tuple[int, bool]:
        """The last position of the batch, and whether it had been taken before."""
        if self._unusable is not None:
            raise JournalUnusable(path=self.path, problem=self._unusable)
        if command is not None and (known := self._commands.taken(self.path, command, batch)) is not None:
            return known, True
        sealer, queue = self._sealer, self._queue
        if expected != sealer.head:
            raise HeadMoved(path=self.path, head=sealer.head, expected=expected)
        if not batch:
            raise ValueError("a batch has at least one event")
        position = sealer.admit(batch, queue)
        if durable:
            queue.durable = True
        if command is not None:
            queue.commands.append(self._commands.take(command, batch, position))
        return position, False

    def _end_turn(self) -> None:
        self._flushing = False
        self._flush()

    def _flush(self) -> BursarError | None:
        """Commit what waits, unless commits are held; return what became of it when it failed."""
        queue = self._queue
        if not queue.drafts or self._checkpointing.held:
            return None
        rows, leaves = self._sealer.seal(queue.drafts)
        try:
            self._committer.commit(rows, leaves, queue.commands)
        except (apsw.Error, OSError, MemoryError) as error:
            failure = self._look(error, leaves[-1])
            if failure is not None:
                return failure
        except BaseException as interruption:
            self._spoil(interruption)
            raise
        self._committed = position = rows[-1][0]
        if queue.commands:
            self._commands.committed()
        durable = queue.durable
        queue.clear()
        if self._loop is not None:
            self._syncing.committed(position, wanted=durable, loop=self._loop)
        self._acknowledge()
        self._checkpointing.logged(self._committer.log_pages, self._loop)
        for listener in tuple(self._listeners):
            listener(position)
        return None

    def _acknowledge(self) -> None:
        self._waiting.answer(self._committed, self._syncing.position)

    def _look(self, error: BaseException, last: bytes) -> BursarError | None:
        """After an error while committing: None when it was committed, else what to tell those who wait."""
        self._committer.rollback()
        try:
            found = None if is_sync_error(error) else recover(self._storage.connection, self.path)
        except (BursarError, apsw.Error):
            found = None
        if found is not None and (found.head, found.leaf) == (self._sealer.head, last):
            self._adopt(found)
            return None
        if found is None or found.head != self._committed:
            return self._spoil(error)
        self._adopt(found)
        self._queue = Queue()
        self._commands.forgotten()
        failure = JournalWriteFailed(path=self.path, problem=f"{type(error).__name__}: {error}")
        self._waiting.refuse(failure, after=self._committed)
        return failure

    def _adopt(self, found: Recovered) -> None:
        """Go on from what the file holds."""
        self._sealer = Sealer(found.head, found.at, self._entropy)
        self._committer = Committer(self._storage.connection, found.frontier, found.rooted, self._clock_ns)

    def _settle(self) -> None:
        """Commit what waits, whatever commits are held for."""
        self._checkpointing.wait()
        failure = self._flush()
        if failure is not None:
            raise failure

    def _finish(self) -> bool:
        """Leave the journal in good order; False when it is spent."""
        if self._unusable is not None:
            return False
        self._settle()
        for callback in self._closing:
            callback()
        self._write(self._committer.finish)
        self._sync()
        self._checkpointing.wait()
        # A reader in the middle of the log keeps it beside the file, whole, for whoever opens it next.
        self._write(lambda: self._storage.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE))
        return True

    def _write(self, work: Callable[[], object]) -> None:
        """Write something that is not an event."""
        if self._unusable is not None:
            raise JournalUnusable(path=self.path, problem=self._unusable)
        try:
            work()
        except (apsw.Error, OSError) as error:
            raise self._spoil(error) from error

    def _sync(self) -> None:
        if self._syncing.position < self._committed:
            self._write(lambda: self._syncing.now(self._committed))
            self._acknowledge()

    def _spoil(self, error: BaseException) -> JournalUnusable:
        """Refuse everything from now on, what waits first."""
        if self._unusable is None:
            self._unusable = f"writing failed ({error}); close it and open it again to see what it holds"
            self._committer.rollback()
            self._owner.distrust()
            self._queue = Queue()
        failure = JournalUnusable(path=self.path, problem=self._unusable)
        self._waiting.refuse(failure)
        return failure

    def _let_go(self, *, finished: bool) -> None:
        self._closed = True
        self._unusable = self._unusable or "it has been closed"
        self._syncing.close()
        self._checkpointing.close()
        self._storage.close(keep_log=not finished)
        self._owner.release((self.journal_id, self._committed) if finished else None)
