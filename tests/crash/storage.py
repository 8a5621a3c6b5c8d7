"""What a journal stands on when it stands on a simulated disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import apsw

from bursar.eventstore.connections import prepare_writing_alone
from bursar.eventstore.endings import Card, Opened, judged, new_card

from . import vfs
from .disk import Disk

_T = TypeVar("_T")
_JOURNAL = "journal.db"
_LOG = "journal.db-wal"
_CARD = "journal.db.owner"
#: How long a sync and a checkpoint may take, in seconds of virtual time.
_LONGEST_S = 0.048


class SimulatedOwner:
    """As `Ownership`, with its card on the disk, which is its machine's as long as that runs."""

    def __init__(self, disk: Disk) -> None:
        """Raises OSError."""
        self._disk = disk
        self._handle = handle = disk.open(_CARD)
        # Faults are for the journal's own files.
        self._before = Card.read(bytes(disk.contents[handle.file]))
        self._card = new_card(self._before, 1, 0, disk.boot)
        self._write()
        disk.sync(handle)

    @property
    def suspect(self) -> bool:
        """As the real one."""
        return self._card.suspect

    def distrust(self) -> None:
        """As the real one."""
        self._card = self._card._replace(suspect=True)
        self._write()

    def opened(self, journal_id: bytes, head: int, *, new: bool) -> Opened:
        """As the real one, but for views."""
        if self._card.suspect:
            self._card = self._card._replace(suspect=False)
            self._write()
        return judged(self._before, self._disk.boot, journal_id.hex(), head, 0)

    def release(self, closed: "tuple[bytes, int] | None" = None) -> None:
        """As the real one."""
        if closed is not None:
            journal_id, head = closed
            self._card = self._card._replace(journal=journal_id.hex(), head=head, closed=True)
            self._write()

    def _write(self) -> None:
        self._disk.write(self._handle, self._card.written(), 0)


class SimulatedStorage:
    """As `DiskStorage`, with one connection for everything, and moments of virtual time for threads."""

    def __init__(self, disk: Disk) -> None:
        """Raises apsw.Error, OSError."""
        self.disk = disk
        self._folder = vfs.mount(disk)
        self.path = f"{self._folder}/{_JOURNAL}"
        self._later: list[_Later[object]] = []
        self._syncing: int | None = None
        self._splits = False
        self.fenced = self._closed = False
        self.connection = vfs.connect(self.path)
        try:
            self.prepare()
            self._log = disk.open(_LOG)
            self.sync_at_open()
            disk.sync_folder()
        except BaseException:
            self.close(keep_log=True)
            raise

    def prepare(self) -> None:
        """Set the connection up."""
        prepare_writing_alone(self.connection, self.path)

    def rewrite(self) -> None:
        """As `files.rewritten`."""
        if size := self.disk.size_of(self._log):
            self.disk.write(self._log, self.disk.read(self._log, size, 0), 0)
        self.disk.sync(self._log)

    def sync_at_open(self) -> None:
        """What an owner that was killed left in the kernel's memory is brought to the disk."""
        self.disk.sync(self._log)

    def sync(self) -> None:
        """Sync the log; one that `run` runs has only begun when this returns."""
        if self._splits:
            self._syncing = self.disk.begin_sync(self._log)
        else:
            self.disk.sync(self._log)

    def checkpoint(self, mode: int) -> tuple[int, int]:
        """Checkpoint; one that `run` runs leaves commits to come in between."""
        if self._splits and mode == apsw.SQLITE_CHECKPOINT_PASSIVE:
            with self.disk.aside():
                return self.connection.wal_checkpoint(mode=mode)
        return self.connection.wal_checkpoint(mode=mode)

    def run(self, work: Callable[[], _T]) -> "Future[_T]":
        """Begin now, and end at a later moment of the loop, or when somebody waits for it."""
        later = _Later(self, work)
        delay_s = self.disk.random.uniform(0, _LONGEST_S)
        asyncio.get_running_loop().call_later(delay_s, later.finish)
        self._later.append(later)  # type: ignore[arg-type]  # whatever it gives
        return later

    def begin(self, work: Callable[[], _T]) -> tuple[_T, int | None]:
        """Do what `run` is to do, but for the end of a sync; its number, when there was one."""
        self._splits, self._syncing = True, None
        try:
            return work(), self._syncing
        finally:
            self._splits = False

    def end(self, sync: int | None) -> None:
        """Do the rest. Raises OSError."""
        self.disk.catch_up()
        if sync is not None:
            self.disk.end_sync(self._log, sync)

    def close(self, *, keep_log: bool) -> None:
        """As the real one: what runs elsewhere ends first."""
        if self._closed:
            return
        self._closed = True
        for later in self._later:
            later.finish()
        if keep_log:
            self.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        # An error while closing has nobody to be told: the next one to open it sees what is there.
        with suppress(apsw.Error):
            self.connection.close(force=True)
        vfs.unmount(self._folder)

    def fence(self) -> None:
        """As a kill: what runs elsewhere never ends, and nobody hears of it."""
        self.disk.catch_up()
        self.fenced = True


class ReadStorage(SimulatedStorage):
    """Only to be looked at: without most of the pragmas, which take as long as all the rest of opening it."""

    def prepare(self) -> None:
        self.connection.pragma("locking_mode", "exclusive")
        self.connection.pragma("journal_mode", "wal")


class _Later(Future[_T]):
    """Work that has begun and ends at some moment; at once for who asks for its outcome."""

    def __init__(self, storage: SimulatedStorage, work: Callable[[], _T]) -> None:
        super().__init__()
        self._storage = storage
        self._sync: int | None = None
        self._error: Exception | None = None
        try:
            self._outcome, self._sync = storage.begin(work)
        except (apsw.Error, OSError) as error:
            self._error = error

    def finish(self) -> None:
        """End it, if it has not ended."""
        if self.done() or self._storage.fenced:
            return
        error = self._error
        try:
            self._storage.end(self._sync)
        except OSError as failed:
            error = error or failed
        if error is None:
            self.set_result(self._outcome)
        else:
            self.set_exception(error)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.finish()
        return super().exception(timeout)
