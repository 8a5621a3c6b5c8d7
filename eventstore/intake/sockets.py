"""The socket beside a journal, `<journal>.sock`, where its owner listens to other processes of its user."""

# Importing pathlib would cost a client more than all it does itself.
# ruff: noqa: PTH101, PTH108, PTH116
import os
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress

from ...domain.errors import JournalUnusable

SUFFIX = ".sock"
#: Bytes of a path that a socket takes everywhere: 103 on macOS, 107 on Linux.
_PATH_MAX = 103


def bound(journal: str) -> socket.socket:
    """A socket (0600) beside the journal at this resolved path, for its owner, who has yet to listen on it.

    One that a killed owner left is replaced: only the owner comes here. Raises JournalUnusable.
    """
    path = journal + SUFFIX
    _remove_stale(journal, path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _reachable(path) as name:
            made.bind(name)
        # Whatever the umask is, nobody gets in before: nobody listens yet.
        os.chmod(path, 0o600)
    except OSError as error:
        made.close()
        raise _unusable(journal, error) from error
    return made


def connected(journal: str, timeout_s: float) -> socket.socket | None:
    """A connection to who listens beside the journal at this resolved path; None when nobody does.

    Raises JournalUnusable when it cannot be reached, or is not the socket of the journal's owner.
    """
    path = journal + SUFFIX
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(timeout_s)
    try:
        _require_trusted(journal, path)
        with _reachable(path) as name:
            made.connect(name)
        return made
    except (FileNotFoundError, ConnectionRefusedError):
        made.close()
        return None
    except OSError as error:
        made.close()
        raise _unusable(journal, error) from error
    except BaseException:
        made.close()
        raise


def remove(journal: str) -> None:
    """Take the socket away, for the owner that made it. Somebody may have done so before."""
    with suppress(FileNotFoundError):
        os.unlink(journal + SUFFIX)


@contextmanager
def _reachable(path: str) -> Generator[str]:
    """A name of the file that is short enough: its own, or one by way of its folder's descriptor."""
    if len(os.fsencode(path)) <= _PATH_MAX:
        yield path
        return
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _remove_stale(journal: str, path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise JournalUnusable(path=journal, problem=f"{path} is in the way of its socket; move it away")
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(journal, error) from error


def _require_trusted(journal: str, path: str) -> None:
    """In a folder that others may write to, anybody could have put a socket there."""
    found = os.lstat(path)
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid not in {0, os.geteuid(), os.stat(journal).st_uid}:
        raise JournalUnusable(path=journal, problem=f"{path} is not the socket of its owner")


def _unusable(journal: str, error: OSError) -> JournalUnusable:
    return JournalUnusable(path=journal, problem=f"its socket {journal + SUFFIX}: {error.strerror or error}")
