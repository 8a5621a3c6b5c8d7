"""Connections to a journal, with every pragma read back, and what SQLite's errors mean for one."""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH116
import os

import apsw

from ..domain.errors import BursarError, JournalCorrupt, JournalUnusable
from .identity import immutable_uri, require_format, require_journal

#: The first without the bug that could lose a write-ahead log at its reset.
_SQLITE = (3, 51, 3)
_BUSY_MS = 5000
_WRITING: dict[str, str | int] = {
    "journal_mode": "wal",
    # A checkpoint inside COMMIT can fail after the commit has happened; ours is `Committer.checkpoint`.
    "wal_autocheckpoint": 0,
    "journal_size_limit": 64 << 20,
    "recursive_triggers": 1,  # second belt against REPLACE
    "mmap_size": 0,
    "trusted_schema": 0,
    "cell_size_check": 1,
}
_READING: dict[str, str | int] = {"query_only": 1, "mmap_size": 0, "trusted_schema": 0, "cell_size_check": 1}
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.IOError, UnicodeDecodeError)
#: What reading a damaged file can raise.
READ_ERRORS = (apsw.Error, UnicodeDecodeError, MemoryError)


def connect_writing(path: str) -> apsw.Connection:
    """Open the journal at this resolved path for appending. Raises JournalUnusable, JournalCorrupt."""
    _require_sqlite(path)
    require_journal(path)
    try:
        return _opened(path, path, apsw.SQLITE_OPEN_READWRITE, _WRITING)
    except apsw.Error as error:
        raise translated(path, error, 0) from error


def connect_reading(path: str) -> apsw.Connection:
    """Open the journal at this resolved path for reading, whoever else has it open.

    Reading beside a writer takes a little shared memory in the journal's folder. Where the folder cannot be
    written, a journal without a log is read as it lies on disk: nobody can be writing to it there.
    Raises JournalUnusable, JournalCorrupt.
    """
    _require_sqlite(path)
    require_journal(path)
    try:
        return _opened(path, path, apsw.SQLITE_OPEN_READONLY, _READING)
    except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
        if _has_log(path):
            problem = f"its log {path}-wal can only be read in a folder that can be written; copy both to one"
            raise JournalUnusable(path=path, problem=problem) from error
    except apsw.Error as error:
        raise translated(path, error, 0) from error
    try:
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        return _opened(path, immutable_uri(path), flags, _READING)
    except apsw.Error as error:
        raise translated(path, error, 0) from error


def translated(path: str, error: BaseException, position: int) -> BursarError:
    """The error of ours that says what SQLite's means: JournalCorrupt at the position, or JournalUnusable."""
    if isinstance(error, _DAMAGE):
        return JournalCorrupt(path=path, position=position, problem=f"it cannot be read ({error})")
    return JournalUnusable(path=path, problem=f"{type(error).__name__}: {error}")


def _opened(path: str, address: str, flags: int, pragmas: dict[str, str | int]) -> apsw.Connection:
    connection = apsw.Connection(address, flags=flags)
    try:
        _prepare(connection, path, pragmas)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: apsw.Connection, path: str, pragmas: dict[str, str | int]) -> None:
    connection.set_busy_timeout(_BUSY_MS)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    for name, value in pragmas.items():
        connection.pragma(name, value)
        if (found := connection.pragma(name)) != value:
            raise JournalUnusable(path=path, problem=f"SQLite keeps {name} at {found!r} instead of {value!r}")
    require_format(path, connection.pragma("user_version"))


def _require_sqlite(path: str) -> None:
    found = apsw.sqlite_lib_version()
    if tuple(map(int, found.split("."))) < _SQLITE:
        needed = ".".join(map(str, _SQLITE))
        raise JournalUnusable(
            path=path, problem=f"SQLite {found} may damage it; install apsw {needed} or later"
        )


def _has_log(path: str) -> bool:
    try:
        return os.stat(path + "-wal").st_size > 0
    except FileNotFoundError:
        return False
