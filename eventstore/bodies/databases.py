"""The two files beside the journal, and how they come into being."""

import os
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files

import apsw

from ...domain.errors import BodiesUnusable
from ..files import sync_folder
from ..pragmas import set_pragmas

_BUSY_MS = 5000
#: The scripts that make a file, in order: one of format n lacks those after the n-th.
_BLOBS_SCRIPTS = ("blobs.sql", "packed.sql")
_KEYS_SCRIPTS = ("keys.sql",)
_PRAGMAS: dict[str, str | int] = {
    "secure_delete": 1,  # what is deleted is overwritten
    "temp_store": 2,  # in memory
    "mmap_size": 0,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "recursive_triggers": 1,
}
#: An error of the checkpoint that a COMMIT may run does not mean that it did not happen. Here nobody minds: a
#: text that is put again finds itself.
_BLOBS = {**_PRAGMAS, "journal_mode": "wal", "synchronous": 1, "journal_size_limit": 64 << 20}
#: No log that old pages could stay in, and a commit is on the disk with the name of its journal gone.
_KEYS = {**_PRAGMAS, "journal_mode": "delete", "synchronous": 3}


def connect_blobs(path: str) -> apsw.Connection:
    """Open the file of bodies, making it (0600) or bringing it to our format. Raises BodiesUnusable."""
    return _connect(path, _BLOBS_SCRIPTS, 0x42525342, _BLOBS)


def connect_keys(path: str) -> apsw.Connection:
    """Open the file of keys, making it (0600) if need be. Raises BodiesUnusable."""
    return _connect(path, _KEYS_SCRIPTS, 0x4252534B, _KEYS)


@contextmanager
def transaction(connection: apsw.Connection, path: str) -> Generator[None]:
    """All of the block or nothing. Raises BodiesUnusable when it cannot be written."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back by itself.
            with suppress(apsw.Error):
                connection.execute("ROLLBACK")
            raise
    except apsw.Error as error:
        raise unusable(path, error) from error


def unusable(path: str, error: BaseException) -> BodiesUnusable:
    """The error of ours that says what SQLite's or the system's means."""
    return BodiesUnusable(path=path, problem=f"{type(error).__name__}: {error}")


def require_private(path: str) -> None:
    """Raise BodiesUnusable unless it is a file that nobody but its owner may read. Raises OSError, too."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise BodiesUnusable(path=path, problem="it is not a regular file")
    if status.st_mode & 0o077:
        problem = f"others may read or write it (mode {status.st_mode & 0o777:o}); run: chmod 600 {path}"
        raise BodiesUnusable(path=path, problem=problem)


def _connect(
    path: str, scripts: Sequence[str], application: int, pragmas: dict[str, str | int]
) -> apsw.Connection:
    try:
        if not os.path.lexists(path):
            # SQLite gives its files the mode of the database, and would make that with the umask's.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
            sync_folder(path)
        require_private(path)
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    except (OSError, apsw.Error) as error:
        raise unusable(path, error) from error
    try:
        _prepare(connection, path, scripts, application, pragmas)
    except BaseException as error:
        connection.close()
        if isinstance(error, apsw.Error):
            raise unusable(path, error) from error
        raise
    return connection


def _prepare(
    connection: apsw.Connection,
    path: str,
    scripts: Sequence[str],
    application: int,
    pragmas: dict[str, str | int],
) -> None:
    connection.set_busy_timeout(_BUSY_MS)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    if not _is_empty(connection):
        _require_ours(connection, path, scripts, application)
    problem = set_pragmas(connection, pragmas)
    if problem is not None:
        raise BodiesUnusable(path=path, problem=problem)
    if connection.pragma("user_version") < len(scripts):
        with transaction(connection, path):
            _bring_up(connection, path, scripts, application)
    _require_ours(connection, path, scripts, application)


def _bring_up(connection: apsw.Connection, path: str, scripts: Sequence[str], application: int) -> None:
    """Run the scripts that the file lacks: all of them, or the later ones on one of an older bursar."""
    if _is_empty(connection):  # and no other process was faster
        connection.pragma("application_id", application)
    _require_ours(connection, path, scripts, application)
    for script in scripts[connection.pragma("user_version") :]:
        connection.execute(files(__package__).joinpath(script).read_text("utf-8"))
    connection.pragma("user_version", len(scripts))


def _is_empty(connection: apsw.Connection) -> bool:
    """An empty file is one whose making was interrupted."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def _require_ours(connection: apsw.Connection, path: str, scripts: Sequence[str], application: int) -> None:
    if connection.pragma("application_id") != application:
        raise BodiesUnusable(path=path, problem="it was not made by bursar")
    found: int = connection.pragma("user_version")
    if found > len(scripts):
        problem = f"it has format {found} and this bursar knows format {len(scripts)}; update bursar"
        raise BodiesUnusable(path=path, problem=problem)
