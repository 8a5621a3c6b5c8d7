"""Which files are journals. Everything else is refused before anything of it changes."""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH116
import os
import stat

import apsw

from ..domain.errors import JournalUnusable

#: "BRSR", in the file's header where `file` and SQLite's own tools look.
APPLICATION_ID = 0x42525352
#: The format this code writes, kept as `user_version`.
FORMAT = 1

StrPath = str | os.PathLike[str]


def resolve(path: StrPath) -> str:
    """The path as SQLite sees it, absolute and without symbolic links. Raises JournalUnusable."""
    text = os.fspath(path)
    try:
        text.encode()
        return os.path.realpath(text)
    except ValueError as error:
        raise JournalUnusable(path=ascii(text), problem="its name cannot be written in UTF-8") from error


def require_journal(path: str) -> None:
    """Raise JournalUnusable unless the file at this resolved path is a journal of a format we know.

    Leaves no trace: `immutable` takes no locks, makes no files and replays no log, and SQLite holds the file,
    so that no lock of another connection of this process is lost (which a plain open and close would do). A
    journal has its identity in the file itself from the moment it appears under its name.
    """
    _require_file(path)
    try:
        connection = apsw.Connection(
            immutable_uri(path), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        try:
            application, format_ = connection.pragma("application_id"), connection.pragma("user_version")
        finally:
            connection.close()
    except apsw.NotADBError as error:
        raise JournalUnusable(path=path, problem="it is not an SQLite database") from error
    except apsw.Error as error:
        raise JournalUnusable(path=path, problem=f"SQLite cannot read it ({error})") from error
    if application != APPLICATION_ID:
        raise JournalUnusable(path=path, problem="it is a database of another application")
    require_format(path, format_)


def require_format(path: str, format_: object) -> None:
    """Raise JournalUnusable unless the format is the one this code knows."""
    if format_ != FORMAT:
        raise JournalUnusable(
            path=path, problem=f"it has format {format_} and this bursar knows format {FORMAT}; update bursar"
        )


def immutable_uri(path: str) -> str:
    """An SQLite address of the file as it lies on disk, for reading without its log and without locks."""
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{quoted}?immutable=1"


def _require_file(path: str) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise JournalUnusable(
            path=path, problem="there is no such file; start bursar once to make it, or name another"
        ) from error
    except OSError as error:
        raise JournalUnusable(path=path, problem=f"{error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise JournalUnusable(path=path, problem="it is not a regular file")
    if status.st_size == 0:
        raise JournalUnusable(
            path=path, problem="it is empty and not made by bursar; remove it, or name another"
        )
