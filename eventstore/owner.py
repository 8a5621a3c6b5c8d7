"""One owner per journal: an flock on the file `<journal>.owner`, which says who holds it.

The kernel lets go of the lock when the process ends, however it ends, so a lock is never stale; the file
stays where it is, since removing it would let two processes lock two files of one name. (A forked child that
does not exec shares the lock and keeps it as long as it lives.)
"""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH110
import errno
import fcntl
import json
import os
import time
from contextlib import suppress
from typing import Protocol, Self

from ..domain.errors import JournalConflict, JournalUnusable
from .endings import Card, Ended, Opened, judged, new_card, reach_of_views, running_boot

_SUFFIX = ".owner"
#: Bytes of a card, at most.
_LONGEST = 4096
#: A reader asking who owns the journal holds the lock for microseconds; do not mistake it for an owner.
_ATTEMPTS, _PAUSE_S = 10, 0.005


class Owner(Protocol):
    """What a journal needs of the ownership that it was opened under."""

    @property
    def suspect(self) -> bool:
        """Whether the log must be written once more before anything in it is believed to be on the disk."""
        ...

    def distrust(self) -> None:
        """Say that the disk has refused something, to whoever opens the journal next."""
        ...

    def opened(self, journal_id: bytes, head: int, *, new: bool) -> Opened:
        """What the owner before left, now that the journal is known to end at `head`, and can be trusted."""
        ...

    def release(self, closed: "tuple[bytes, int] | None" = None) -> None:
        """Let another process own the journal.

        `closed`: its id and its last position, when everything is on the disk itself.
        """
        ...


class Ownership:
    """The lock, held until `release` or the end of the process."""

    def __init__(self, path: str, descriptor: int, before: Card | None, card: Card) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self._before = before
        self._card = card
        self._opened = False

    @classmethod
    def acquire(cls, journal: str, started_at: int) -> Self:
        """Take the lock, and write down since when (UTC nanoseconds).

        Raises JournalConflict naming the process that holds it, JournalUnusable where no lock file can be
        made or written.
        """
        try:
            descriptor = os.open(journal + _SUFFIX, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise JournalUnusable(path=journal, problem=f"{error.filename}: {error.strerror}") from error
        try:
            if not _lock(descriptor):
                raise JournalConflict(path=journal, pid=_written_pid(descriptor) or "unknown")
            before = Card.read(os.pread(descriptor, _LONGEST, 0)) if os.path.exists(journal) else None
            card = new_card(before, os.getpid(), started_at, running_boot())
            # On the disk before anything else of ours: a power cut must not bring back that all was well.
            _write(descriptor, card)
            os.fsync(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise JournalUnusable(path=journal, problem=f"{journal}{_SUFFIX}: {error.strerror}") from error
        except BaseException:
            os.close(descriptor)
            raise
        return cls(journal, descriptor, before, card)

    @property
    def suspect(self) -> bool:
        """Whether the log must be written once more before anything in it is believed to be on the disk."""
        return self._card.suspect

    def distrust(self) -> None:
        """Say that the disk has refused something, to whoever opens the journal next."""
        self._card = self._card._replace(suspect=True)
        if self._before is not None:
            self._before = self._before._replace(suspect=True, boot=self._card.boot)
        if self._descriptor is not None:
            with suppress(OSError):
                _write(self._descriptor, self._card)

    def opened(self, journal_id: bytes, head: int, *, new: bool) -> Opened:
        """What the owner before left, now that the journal is known to end at `head`, and can be trusted."""
        self._opened = True
        if self._card.suspect and self._descriptor is not None:
            self._card = self._card._replace(suspect=False)
            with suppress(OSError):  # then it is written once more, for nothing
                _write(self._descriptor, self._card)
        if new:
            return Opened(Ended.NEW, head, 0)
        return judged(self._before, self._card.boot, journal_id.hex(), head, reach_of_views(self._path))

    def release(self, closed: "tuple[bytes, int] | None" = None) -> None:
        """Let another process own the journal. Calling it twice is calling it once.

        `closed`: its id and its last position, when everything is on the disk itself.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        card = self._before if not self._opened else None  # it has written nothing: all is as it was
        if closed is not None:
            journal_id, head = closed
            card = self._card._replace(journal=journal_id.hex(), head=head, closed=True)
        if card is not None:
            # Without it the journal is taken for one that was not closed, which is the safe mistake.
            with suppress(OSError):
                _write(descriptor, card)
        os.close(descriptor)


def owner_pid(journal: str) -> int | None:
    """The process that owns the journal at this resolved path; None for none, or when it cannot be told."""
    try:
        descriptor = os.open(journal + _SUFFIX, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _written_pid(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            time.sleep(_PAUSE_S)
        else:
            return True
    return False


def _write(descriptor: int, card: Card) -> None:
    os.pwrite(descriptor, card.written(), 0)
    os.ftruncate(descriptor, len(card.written()))


def _written_pid(descriptor: int) -> int | None:
    try:
        return int(json.loads(os.pread(descriptor, _LONGEST, 0))["pid"])
    except (ValueError, TypeError, KeyError, OSError):
        return None
