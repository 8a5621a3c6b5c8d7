"""One owner per journal: an flock on the file `<journal>.owner`, which says who holds it.

The kernel lets go of the lock when the process ends, however it ends, so a lock is never stale; the file
stays where it is, since removing it would let two processes lock two files of one name. (A forked child that
does not exec shares the lock and keeps it as long as it lives.)
"""

import errno
import fcntl
import json
import os
import time
from typing import Self

from ..domain.errors import JournalConflict, JournalUnusable

_SUFFIX = ".owner"
#: A reader asking who owns the journal holds the lock for microseconds; do not mistake it for an owner.
_ATTEMPTS, _PAUSE_S = 10, 0.005


class Ownership:
    """The lock, held until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, journal: str, started_at: int) -> Self:
        """Take the lock, and write down since when (UTC nanoseconds).

        Raises JournalConflict naming the process that holds it, JournalUnusable where no lock file can be
        made.
        """
        try:
            descriptor = os.open(journal + _SUFFIX, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise JournalUnusable(path=journal, problem=f"{error.filename}: {error.strerror}") from error
        try:
            if not _lock(descriptor):
                raise JournalConflict(path=journal, pid=_written_pid(descriptor) or "unknown")
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _card(started_at), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Let another process own the journal. Calling it twice is calling it once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


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


def _card(started_at: int) -> bytes:
    return json.dumps({"host": os.uname().nodename, "pid": os.getpid(), "started": started_at}).encode()


def _written_pid(descriptor: int) -> int | None:
    try:
        return int(json.loads(os.pread(descriptor, 4096, 0))["pid"])
    except (ValueError, TypeError, KeyError, OSError):
        return None
