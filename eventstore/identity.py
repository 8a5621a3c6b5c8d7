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
FORMAT = 2
#: What an SQLite database begins with, and how long its header is.
_MAGIC, _HEADER = b"SQLite format 3\0", 100

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

    Leaves no trace, and looks at the header alone: without its log the rest may be half a checkpoint. A
    journal has its identity in the file itself from the moment it appears under its name; when a power cut in
    the middle of a checkpoint has spoiled the header, the log has it, and who opens the two asks again.
    """
    _require_file(path)
    header = _header(path)
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        if has_log(path):
            return
        raise JournalUnusable(path=path, problem="it is not an SQLite database")
    require_identity(path, int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big"))


def require_identity(path: str, application: object, format_: object) -> None:
    """Raise JournalUnusable unless these are a journal's, of the format this code knows."""
    if application != APPLICATION_ID:
        raise JournalUnusable(path=path, problem="it is a database of another application")
    if format_ == FORMAT:
        return
    remedy = "update bursar" if isinstance(format_, int) and format_ > FORMAT else "no release wrote it"
    problem = f"it has format {format_} and this bursar knows format {FORMAT}; {remedy}"
    raise JournalUnusable(path=path, problem=problem)


def immutable_uri(path: str) -> str:
    """An SQLite address of the file as it lies on disk, for reading without its log and without locks."""
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{quoted}?immutable=1"


def has_log(path: str) -> bool:
    """Whether there is something in the log of the journal at this resolved path."""
    try:
        return os.stat(path + "-wal").st_size > 0
    except FileNotFoundError:
        return False


def _header(path: str) -> bytes:
    """The first bytes of the file. Raises JournalUnusable.

    SQLite opens it and closes it: then no lock of another connection of this process is lost, as it would be
    if we did.
    """
    try:
        file = apsw.VFSFile("", path, [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
        try:
            return file.xRead(_HEADER, 0)
        finally:
            file.xClose()
    except apsw.Error as error:
        raise JournalUnusable(path=path, problem=f"SQLite cannot read it ({error})") from error


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
