"""New files: whole under their name, or not there."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...domain.errors import FileNotWritten
from ..files import sync_folder

#: After the name of a journal: itself, what belongs to it, and what SQLite makes beside it.
_OWN = (
    *("", "-wal", "-shm", "-journal", ".owner", ".key", ".kek", ".keys.db", ".blobs.db"),
    *(".archive", ".views", ".new"),
)
#: What SQLite may leave beside a database.
_BESIDE = ("", "-journal", "-wal", "-shm")


@contextmanager
def placed(path: str, *, replace: bool = False) -> Generator[str]:
    """Give the name of an empty file (0600) to write to; when the block ends without an error, it gets its
    name.

    It is on the disk itself by then. After an error, an interrupt among them, nothing is left of it; after a
    kill what is left goes with the next attempt. Raises FileNotWritten when there is such a file already and
    it is not to be replaced, or when this one cannot be made.
    """
    if not replace and os.path.lexists(path):
        raise FileNotWritten(path=path, problem="there is such a file already; name another")
    building = path + ".new"
    try:
        for leftover in _leftovers(building):
            leftover.unlink(missing_ok=True)
        os.close(os.open(building, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        yield building
        _sync(building)
        Path(building).replace(path)
        sync_folder(path)
    except OSError as error:
        _remove(building)
        raise FileNotWritten(path=path, problem=error.strerror or f"{error}") from error
    except BaseException:
        _remove(building)
        raise


def refuse_own(journal: str, path: str) -> None:
    """Raise FileNotWritten when the file at this resolved path is the journal, or a part of it."""
    if path.startswith(journal) and path.removeprefix(journal) in _OWN:
        what = "the journal itself" if path == journal else "a name that the journal uses"
        raise FileNotWritten(path=path, problem=f"it is {what}; name another")


def _leftovers(building: str) -> Iterator[Path]:
    return (Path(building + ending) for ending in _BESIDE)


def _remove(building: str) -> None:
    for leftover in _leftovers(building):
        with suppress(OSError):  # the error before this one is the one to report
            leftover.unlink()


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
