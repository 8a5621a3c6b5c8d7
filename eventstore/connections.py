"""Connections to a journal, with every pragma read back, and what SQLite's errors mean for one."""

# Importing pathlib would cost a reader more than all it does itself.

import apsw

from ..domain.errors import BursarError, JournalCorrupt, JournalUnusable
from .identity import has_log, immutable_uri, require_identity, require_journal

#: The first without the bug that could lose a write-ahead log at its reset.
_SQLITE = (3, 51, 3)
_BUSY_MS = 5000
_WRITING: dict[str, str | int] = {
    "journal_mode": "wal",
    "synchronous": 1,  # NORMAL: `syncing` brings the log to the disk itself, and not on this thread
    # A checkpoint inside COMMIT can fail after the commit has happened; ours are `checkpointing`'s.
    "wal_autocheckpoint": 0,
    "journal_size_limit": 64 << 20,
    "secure_delete": 1,  # or a page that splits keeps rows in its gap, which a redaction would not find
    "recursive_triggers": 1,  # second belt against REPLACE
    "mmap_size": 0,
    "trusted_schema": 0,
    "cell_size_check": 1,
}
#: For taking data out of the journal: what goes is overwritten, and gone when the commit returns.
_ERASING = {**_WRITING, "synchronous": 2}
_READING: dict[str, str | int] = {"query_only": 1, "mmap_size": 0, "trusted_schema": 0, "cell_size_check": 1}
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.IOError, UnicodeDecodeError)
#: What reading a damaged file can raise.
READ_ERRORS = (apsw.Error, UnicodeDecodeError, MemoryError)


class Guard:
    """An authorizer: SQLite asks it about every statement that it compiles, and it says no to all but a few.

    Reading is always allowed, writing only what is listed and only while `open` is true: around our own
    statements. So nothing that reaches the connection by another way can write, REPLACE and UPSERT included,
    which SQLite does not tell from INSERT.
    """

    _READING = frozenset({
        apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE,
        apsw.SQLITE_TRANSACTION, apsw.SQLITE_PRAGMA,
    })  # fmt: skip

    def __init__(self, allowed: "frozenset[tuple[int, str]]") -> None:
        """`allowed`: kinds of statement (SQLITE_INSERT, …) and the tables they may change."""
        self._allowed = allowed
        self.open = False

    def __call__(
        self, action: int, one: str | None, two: str | None, database: str | None, trigger: str | None
    ) -> int:
        if action in self._READING or (self.open and (action, one) in self._allowed):
            return apsw.SQLITE_OK
        return apsw.SQLITE_DENY

    def __enter__(self) -> None:
        self.open = True

    def __exit__(self, *_: object) -> None:
        self.open = False


def connect_writing(path: str) -> apsw.Connection:
    """Open the journal at this resolved path for appending. Raises JournalUnusable, JournalCorrupt.

    The triggers are off here, for their price; put a `Guard` on it.
    """
    connection = _connect(path, _WRITING)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    return connection


def prepare_writing_alone(connection: apsw.Connection, path: str) -> None:
    """Make of a connection what `connect_writing` gives, where no other one can be opened beside it.

    A simulated disk is such a place: it has no memory that connections could share. Raises as
    `connect_writing`.
    """
    _prepare(connection, path, {"locking_mode": "exclusive", **_WRITING})
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)


def connect_checkpointing(path: str) -> apsw.Connection:
    """Open the journal at this resolved path for copying its log into it. Raises as `connect_writing`."""
    connection = _connect(path, _WRITING)
    connection.authorizer = Guard(frozenset())
    connection.set_busy_timeout(0)
    return connection


def connect_erasing(path: str, guard: Guard) -> apsw.Connection:
    """Open the journal at this resolved path for taking data out of it. Raises as `connect_writing`."""
    connection = _connect(path, _ERASING)
    connection.authorizer = guard
    return connection


def _connect(path: str, pragmas: dict[str, str | int]) -> apsw.Connection:
    _require_sqlite(path)
    require_journal(path)
    try:
        return _opened(path, path, apsw.SQLITE_OPEN_READWRITE, pragmas)
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
        if has_log(path):
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


def is_sync_error(error: BaseException) -> bool:
    """Whether the disk refused to sync, after which it may have dropped what it was to keep."""
    return getattr(error, "extendedresult", None) in (apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC)


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
    require_identity(path, connection.pragma("application_id"), connection.pragma("user_version"))


def _require_sqlite(path: str) -> None:
    found = apsw.sqlite_lib_version()
    if tuple(map(int, found.split("."))) < _SQLITE:
        needed = ".".join(map(str, _SQLITE))
        raise JournalUnusable(
            path=path, problem=f"SQLite {found} may damage it; install apsw {needed} or later"
        )
