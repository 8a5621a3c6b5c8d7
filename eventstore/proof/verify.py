"""Is the journal what was written? Reads all of it, and says everything that is wrong with it."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from threading import Thread
from typing import Any

import apsw

from ...domain.errors import BursarError, JournalUnusable, NoteInvalid
from ..connections import READ_ERRORS, connect_reading
from ..files import schema
from ..identity import StrPath, resolve
from ..merkle import Frontier
from .notes import Checkpoint, Note, VerifierKey, origin
from .problems import Problem, Problems
from .segments import check_segments
from .stretches import Authority, Found, Stretch
from .workers import check_beside, cut

__all__ = ["Problem", "Report", "check"]

#: Lines of SQLite's own check.
_LINES = 1000
_OF_INDEX = ("index event_subject", "non-unique entry")
#: Events from which processes are worth starting, and how many at most.
_PARALLEL_FROM, _PROCESSES = 100_000, 8
#: Positions of which one way finds an event and the other does not.
_UNINDEXED = """
SELECT position FROM event NOT INDEXED WHERE NOT EXISTS (
  SELECT 1 FROM event AS found INDEXED BY event_subject
    WHERE found.subject = event.subject AND found.position = event.position)
UNION SELECT position FROM event INDEXED BY event_subject WHERE NOT EXISTS (
  SELECT 1 FROM event AS found NOT INDEXED
    WHERE found.position = event.position AND found.subject = event.subject)
"""
#: What else says how far the journal once went.
_MARKS = (
    ("root", "size", "a root over {} events was written down"),
    ("checkpoint", "size", "a checkpoint over {} events was signed"),
    ("command", "last", "a command was answered with position {}"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found."""

    #: Events that are here, those in archived segments among them.
    size: int
    #: Of the tree over them, in hex, to compare with one kept elsewhere; None when any of them is in doubt.
    root: str | None
    problems: tuple[Problem, ...]
    #: How many more problems there are than are listed.
    unlisted: int
    #: Events in archived segments: their rows are elsewhere, and the roots of their segments stand for them.
    archived: int = 0
    #: Signed checkpoints that agree with the tree, and those that nothing here can be compared with.
    checkpoints: int = 0
    uncompared: int = 0
    #: Whether their signatures were looked at.
    signatures: bool = False
    #: Size of the note kept elsewhere, when the journal begins with what it was about.
    extends: int | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def check(
    path: StrPath,
    progress: Callable[[int, int], None] | None = None,
    *,
    keys: Sequence[VerifierKey] = (),
    against: str | None = None,
    processes: int | None = None,
) -> Report:
    """Read the whole journal as it is now and hash every event again. Damage is a report, never an error.

    `progress` is called now and then with the position reached and the last one. Every checkpoint must be
    signed by one of the keys; without any, signatures are not looked at. `against` is a note that was kept
    elsewhere: the journal must still begin with what it is about. It alone shows what the file cannot: a
    change made together with all the hashes that follow from it, and events cut off since the last root.
    `processes` do the reading of a long journal: as many as the machine has processors, up to 8, unless told.
    Raises JournalUnusable when there is no file, NoteInvalid when `against` is no note.
    """
    resolved = resolve(path)
    if not os.path.lexists(resolved):
        raise JournalUnusable(path=resolved, problem="there is no such file")
    note = None if against is None else Note.parse(against)
    checking = _Check(resolved, tuple(keys), progress, processes)
    try:
        connection = connect_reading(resolved)
    except BursarError as error:
        checking.problems.add("file", 0, f"{error}")
        return checking.report()
    try:
        checking.run(connection, note)
    finally:
        connection.close()
    return checking.report()


class _Check:
    """One pass over one journal."""

    def __init__(
        self,
        path: str,
        keys: tuple[VerifierKey, ...],
        progress: Callable[[int, int], None] | None,
        processes: int | None,
    ) -> None:
        self.problems = Problems()
        self._path = path
        self._progress = progress
        self._processes = processes or min(os.cpu_count() or 1, _PROCESSES)
        self._authority = Authority("", keys)
        self._archived = Frontier()
        self._found = Found(frontier=Frontier())

    def report(self) -> Report:
        """What was found."""
        found, problems, kept = self._found, self.problems, self._authority.note
        tree = None if problems.doubtful else found.frontier
        return Report(
            size=found.size,
            root=None if tree is None else tree.root().hex(),
            problems=tuple(problems.listed),
            unlisted=problems.unlisted,
            archived=self._archived.size,
            checkpoints=found.checkpoints,
            uncompared=found.uncompared,
            signatures=bool(self._authority.keys),
            # Behind what is damaged the tree is only the one that was written down.
            extends=kept.size if kept is not None and found.kept and not problems.doubtful else None,
        )

    def run(self, connection: apsw.Connection, note: Note | None) -> None:
        """Check everything, each part whether or not the others can be read."""
        beside = _FileCheck(self._path)
        parts: tuple[tuple[str, Callable[[apsw.Connection], None]], ...] = (
            ("its schema", self._check_schema),
            ("its name", lambda connection: self._read_name(connection, note)),
            ("its archived segments", self._check_segments),
            ("its events", self._check_events),
            ("its redactions", self._check_redactions),
            ("what was written down about its end", self._check_end),
        )
        for what, part in parts:
            try:
                if not connection.in_transaction:
                    connection.execute("BEGIN")  # so that all parts see the same moment of a journal in use
                part(connection)
            except (*READ_ERRORS, ValueError, TypeError, AttributeError) as error:
                self.problems.add("file", 0, f"{what} cannot be read ({error})")
        self._check_note()
        of_file = beside.problems()
        of_file.join(self.problems)
        self.problems = of_file

    def _check_schema(self, connection: apsw.Connection) -> None:
        wanted, found = _wanted(), _definitions(connection)
        for name in sorted(wanted.keys() | found.keys()):
            if name not in found:
                self.problems.add("schema", 0, f"{name} is gone from the schema")
            elif found[name] != wanted.get(name):
                self.problems.add("schema", 0, f"{name} is not as bursar defines it")

    def _read_name(self, connection: apsw.Connection, note: Note | None) -> None:
        rows: list[Any] = connection.execute("SELECT journal_id FROM journal").fetchall()
        if len(rows) != 1:
            self.problems.add("schema", 0, f"the table journal has {len(rows)} rows instead of one")
        name = origin(rows[0][0]) if rows else "nothing"
        self._authority = Authority(name, self._authority.keys, self._kept(name, note))

    def _kept(self, name: str, note: Note | None) -> Checkpoint | None:
        """What the note from elsewhere says, if it is to be believed and about this journal."""
        if note is None:
            return None
        try:
            checkpoint, signer = Checkpoint.parse(note.text), note.signer(self._authority.keys)
        except NoteInvalid as error:
            self.problems.add("note", 0, f"{error}")
            return None
        if checkpoint.origin != name:
            self.problems.add("note", 0, f"the note is about {checkpoint.origin}, and this journal is {name}")
            return None
        if self._authority.keys and signer is None:
            self.problems.add("note", 0, "the note is not signed by a key that is known")
        return checkpoint

    def _check_segments(self, connection: apsw.Connection) -> None:
        self._found = check_segments(self._path, connection, self._authority, self.problems)
        self._archived = self._found.frontier or Frontier()

    def _check_events(self, connection: apsw.Connection) -> None:
        head: Any = connection.execute("SELECT coalesce(max(position), 0) FROM event").get
        report = None if self._progress is None else partial(_shown, self._progress, head)
        if self._processes > 1 and head - self._archived.size >= _PARALLEL_FROM:
            cuts = cut(connection, self._archived, head, self._processes)
            found = check_beside(self._path, cuts, head, self._authority, report, self._processes)
        else:
            found = Stretch(self._archived, self._authority, report).check(connection, None)
        self.problems.join(found.problems)
        self._found.join(found)

    def _check_redactions(self, connection: apsw.Connection) -> None:
        redactions = dict(connection.execute("SELECT position, by FROM redaction ORDER BY position"))
        add = self.problems.add
        for position in self._found.redacted:
            if position not in redactions:
                add("redaction", position, "its data is gone, and no redaction is written down")
        for position, by in redactions.items():
            row = connection.execute("SELECT data FROM event WHERE position = ?", (position,)).fetchone()
            if row is not None and row[0] is not None:
                add("redaction", position, f"its data is still here, though event {by} redacted it")
            row = connection.execute("SELECT type, data FROM event WHERE position = ?", (by,)).fetchone()
            if by > self._archived.size and not _says(row, position):
                add("redaction", position, f"event {by}, which ought to say why its data is gone, does not")

    def _check_end(self, connection: apsw.Connection) -> None:
        """What was written down about positions that are not there any more."""
        last = self._found.expected - 1
        if self._found.lost:
            return
        for table, column, what in _MARKS:
            reached: int = connection.execute(f"SELECT coalesce(max({column}), 0) FROM {table}").get  # noqa: S608 - names of ours
            if reached > last:
                self.problems.add("missing", last + 1, f"gone, though {what.format(reached)}", reached)
                return

    def _check_note(self) -> None:
        note, found = self._authority.note, self._found
        if note is None or found.kept:
            return
        here = found.expected - 1
        if note.size == 0 or found.kept is False:
            if note.size or note.root != Frontier().root():
                text = "they are not what they were when the note was signed: they give another root"
                self.problems.add("note", min(1, note.size), text, note.size)
        elif note.size > here and not found.lost:
            text = f"the note is about {note.size} events, and {here} are here"
            self.problems.add("note", here + 1, text, note.size)
        else:
            text = "whether they are what they were when the note was signed cannot be told"
            self.problems.add("note", 1, text, note.size)


class _FileCheck(Thread):
    """SQLite's own check of the file, on a processor of its own: it holds no lock of Python's."""

    def __init__(self, path: str) -> None:
        super().__init__(name="bursar-verify", daemon=True)
        self._path = path
        self._problems = Problems()
        self.start()

    def run(self) -> None:
        """Check it."""
        try:
            connection = connect_reading(self._path)
        except BursarError as error:
            self._problems.add("file", 0, f"{error}")
            return
        try:
            self._check(connection)
        except READ_ERRORS as error:
            self._problems.add("file", 0, f"it cannot be read ({error})")
        finally:
            connection.close()

    def problems(self) -> Problems:
        """What it found, when it is done."""
        self.join()
        return self._problems

    def _check(self, connection: apsw.Connection) -> None:
        of_index = False
        for (line,) in connection.execute(f"PRAGMA integrity_check({_LINES})"):
            if line != "ok":
                self._problems.add("file", 0, "SQLite finds: " + " ".join(str(line).split()))
                of_index = of_index or any(part in str(line) for part in _OF_INDEX)
        if of_index:
            for (position,) in connection.execute(_UNINDEXED):
                self._problems.add("index", int(f"{position}"), "the index of subjects does not lead to it")


def _says(row: Any, position: int) -> bool:
    """Whether the event says that the one at the position was redacted."""
    try:
        return row is not None and row[0] == "EventRedacted" and json.loads(row[1])["event"] == position
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _shown(progress: Callable[[int, int], None], head: int, position: int) -> None:
    progress(position, head)


@cache
def _wanted() -> Mapping[str, str]:
    """The definitions of a sound journal."""
    fresh = apsw.Connection(":memory:")
    try:
        fresh.execute(schema())
        return _definitions(fresh)
    finally:
        fresh.close()


def _definitions(connection: apsw.Connection) -> dict[str, str]:
    return {
        f"{kind} {name}": sql
        for kind, name, sql in connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        )
    }
