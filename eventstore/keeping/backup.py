"""Copies of a journal, made while somebody writes it, and checked before they get their name.

`VACUUM INTO` reads one moment of the journal from a read-only connection. It writes no free pages, so a copy
has nothing of what was taken out of the journal, and is as small as can be. (A file copied by `cp` lacks the
log beside it, or has one of another moment.)
"""

# Paths are texts here, as SQLite sees them.
# ruff: noqa: PTH102, PTH106, PTH116
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from shutil import copyfile

import apsw

from ...domain.errors import FileNotWritten, JournalConflict, JournalCorrupt
from ..connections import READ_ERRORS, connect_reading, translated
from ..identity import StrPath, require_journal, resolve
from ..merkle import Frontier
from ..owner import owner_pid
from ..proof.problems import Problem
from ..proof.verify import Report, check
from .archived import Entry, folder
from .placing import placed, refuse_own

_BUSY_MS = 5000
#: Of the file of bodies, after the journal's name.
_BODIES = ".blobs.db"
#: Steps of SQLite's machine between two looks at the progress: a few milliseconds.
_STEPS = 20_000
_ROOT = "SELECT size, frontier FROM root WHERE size <= ? ORDER BY size DESC LIMIT 1"
_LEAVES = "SELECT leaf FROM event WHERE position > ? AND position <= ? ORDER BY position"

#: Called with what has been done of how much: bytes copied, then events checked.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was made and is what the journal was."""

    path: str
    #: Its last position.
    position: int
    #: Of the tree over it, in hex.
    root: str
    size_bytes: int
    #: Signed checkpoints in it that agree with the tree.
    checkpoints: int
    #: Files of archived segments beside it, and those that were not there to be copied.
    archived: tuple[str, ...]
    missing: tuple[str, ...]
    #: The file of bodies beside it; None when it was not asked for, or there is none.
    bodies: str | None


def backup(
    path: StrPath,
    destination: StrPath,
    *,
    replace: bool = False,
    bodies: bool = False,
    progress: Progress | None = None,
) -> Backup:
    """Copy a journal as it is now, with its archived segments; whoever writes it goes on.

    `replace`: a journal at the destination may go. `bodies`: with the file of bodies, of a moment not before
    the journal's. Keys are never copied. A copy appears whole and checked, or not at all.
    Raises JournalUnusable, JournalCorrupt when the journal is not what was written, JournalConflict when
    somebody owns what is to be replaced, FileNotWritten.
    """
    journal, target = resolve(path), resolve(destination)
    require_free(journal, target, replace=replace)
    connection = connect_reading(journal)
    try:
        with ExitStack() as placing:
            building = placing.enter_context(placed(target, replace=replace))
            _copy(connection, journal, building, target, progress)
            report = _checked(connection, journal, building, target, progress)
            entries = _entries(building)
            archived, missing = copy_segments(placing, journal, target, entries, replace=replace)
            blobs = _copy_bodies(placing, journal, target, replace, progress) if bodies else None
            size_bytes = os.stat(building).st_size
    finally:
        connection.close()
    return Backup(
        path=target,
        position=report.size,
        root=f"{report.root}",
        size_bytes=size_bytes,
        checkpoints=report.checkpoints,
        archived=archived,
        missing=missing,
        bodies=blobs,
    )


def copy_segments(
    placing: ExitStack, source: str, target: str, entries: Sequence[Entry], *, replace: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Copy the files of a journal's archived segments to another's, as far as they are what they ought to be.

    Gives the names of those that will be there at the end of `placing`, and of those that cannot be had. One
    that is there already stays as it is.
    """
    found, missing = list[str](), list[str]()
    for entry in entries:
        origin, copy = Path(folder(source), entry.file), Path(folder(target), entry.file)
        if _is(copy, entry):
            found.append(entry.file)
        elif _is(origin, entry):
            _make_folder(placing, folder(target))
            building = Path(placing.enter_context(placed(str(copy), replace=replace)))
            copyfile(origin, building)
            if not _is(building, entry):
                raise FileNotWritten(path=copy, problem=f"it would not be what {origin} is")
            found.append(entry.file)
        else:
            missing.append(entry.file)
    return tuple(found), tuple(missing)


def require_free(journal: str, target: str, *, replace: bool) -> None:
    """Raise unless the destination can be written without harm to a journal, this one or another."""
    refuse_own(journal, target)
    _refuse_log(target)
    if replace and os.path.lexists(target):
        require_journal(target)
        if (pid := owner_pid(target)) is not None:
            raise JournalConflict(path=target, pid=pid)


def _refuse_log(target: str) -> None:
    for log in (target + "-wal", target + "-journal"):
        if os.path.lexists(log) and os.stat(log).st_size:
            problem = f"SQLite would apply {log} to it, the log of another database; move that away"
            raise FileNotWritten(path=target, problem=problem)


def _copy(
    connection: apsw.Connection, source: str, building: str, target: str, progress: Progress | None
) -> None:
    """Write one moment of a database, open for reading only, to an empty file that will be the target."""
    connection.pragma("query_only", 0)  # which would be asked of the copy, too
    total: int = connection.pragma("page_count") * connection.pragma("page_size")

    def look() -> bool:
        """Called now and then, which also lets an interrupt through."""
        if progress is not None:
            progress(min(os.stat(building).st_size, total), total)
        return False

    connection.set_progress_handler(look, _STEPS)
    try:
        connection.execute("VACUUM INTO ?", (building,))
    except (apsw.FullError, apsw.CantOpenError, apsw.ReadOnlyError) as error:
        raise FileNotWritten(path=target, problem=f"{error}") from error
    except apsw.IOError as error:
        if getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_READ:
            raise translated(source, error, 0) from error
        raise FileNotWritten(path=target, problem=f"{error}") from error
    except READ_ERRORS as error:
        raise translated(source, error, 0) from error
    finally:
        connection.set_progress_handler(None)
        connection.pragma("query_only", 1)


def _checked(
    connection: apsw.Connection, journal: str, building: str, target: str, progress: Progress | None
) -> Report:
    """What the check of the copy found: that it is whole, and as the journal says."""
    report = check(building, progress)
    problem = _first_problem(report)
    if problem is None and report.root == _root(connection, journal, report.size).hex():
        return report
    problem = problem or _first_problem(check(journal))
    if problem is None:
        raise FileNotWritten(path=target, problem="the copy is not what the journal is; is the disk sound?")
    raise damaged(journal, problem)


def damaged(journal: str, problem: Problem) -> JournalCorrupt:
    """The error that says what is wrong with a journal."""
    text = problem.text.removeprefix(f"position {problem.position}: ")
    return JournalCorrupt(path=journal, position=problem.position, problem=text)


def _first_problem(report: Report) -> Problem | None:
    """The first that is about the file itself: the archived segments lie under its final name."""
    return next((problem for problem in report.problems if problem.kind != "archive"), None)


def _root(connection: apsw.Connection, journal: str, size: int) -> bytes:
    """The root over the first events, from what the journal itself has written down."""
    try:
        row = connection.execute(_ROOT, (size,)).fetchone()
        frontier = Frontier() if row is None else Frontier.restored(*row)
        frontier.extend(leaf for (leaf,) in connection.execute(_LEAVES, (frontier.size, size)))
    except (*READ_ERRORS, ValueError) as error:
        raise translated(journal, error, 0) from error
    return frontier.root()


def _entries(building: str) -> list[Entry]:
    connection = connect_reading(building)
    try:
        return [Entry._make(row) for row in connection.execute("SELECT * FROM archive ORDER BY segment")]
    finally:
        connection.close()


def _copy_bodies(
    placing: ExitStack, journal: str, target: str, replace: bool, progress: Progress | None
) -> str | None:
    source, copy = journal + _BODIES, target + _BODIES
    if not os.path.lexists(source):
        return None
    _refuse_log(copy)
    building = placing.enter_context(placed(copy, replace=replace))
    try:
        connection = apsw.Connection(source, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(_BUSY_MS)
            _copy(connection, source, building, copy, progress)
        finally:
            connection.close()
    except apsw.Error as error:
        raise FileNotWritten(path=copy, problem=f"{source}: {error}") from error
    return copy


def _make_folder(placing: ExitStack, path: str) -> None:
    """Make it unless it is there; after an error it is not."""

    def remove(kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            with suppress(OSError):
                os.rmdir(path)

    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except OSError as error:
        raise FileNotWritten(path=path, problem=f"{error.strerror}") from error
    placing.push(remove)


def _is(path: Path, entry: Entry) -> bool:
    """Whether it is the file that the events were moved to."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest() == entry.sha256
    except OSError:
        return False
