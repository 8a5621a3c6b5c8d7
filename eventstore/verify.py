"""Is the journal what was written? Reads all of it, and says everything that is wrong with it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import apsw

from ..domain.errors import BursarError, JournalUnusable
from .connections import READ_ERRORS, connect_reading
from .files import schema
from .identity import StrPath, resolve
from .merkle import Frontier, leaf_hash
from .records import KINDS, Record

ProblemKind = Literal["file", "schema", "unreadable", "missing", "order", "leaf", "subject", "rule", "root"]

#: As many are listed; the rest are counted.
_LISTED = 1000
_PROGRESS_EVERY = 4096
_LARGEST_POSITION = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written."""

    kind: ProblemKind
    #: The first position concerned; 0 for the file as a whole.
    position: int
    #: The last position concerned.
    until: int
    #: One sentence.
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found."""

    #: Events that could be read.
    size: int
    #: Of the tree over them, in hex, to compare with one kept elsewhere; None when any of them is in doubt.
    root: str | None
    problems: tuple[Problem, ...]
    #: How many more problems there are than are listed.
    unlisted: int

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


class _Gap(NamedTuple):
    """Positions at which nothing could be read; `until` is None to the end."""

    first: int
    until: int | None
    reason: str


def check(path: StrPath, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read the whole journal as it is now and hash every event again. Damage is a report, never an error.

    `progress` is called now and then with the position reached and the last one. What cannot be seen from the
    file alone: a change made together with all the hashes that follow from it, and events cut off since the
    last root. For those compare the report's size and root with ones kept elsewhere. Raises JournalUnusable
    when there is no file.
    """
    resolved = resolve(path)
    if not os.path.lexists(resolved):
        raise JournalUnusable(path=resolved, problem="there is no such file")
    checking = _Check(progress)
    try:
        connection = connect_reading(resolved)
    except BursarError as error:
        checking.add("file", 0, f"{error}")
        return checking.report()
    try:
        checking.run(connection)
    finally:
        connection.close()
    return checking.report()


class _Check:
    """One pass over one journal, gathering problems."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress
        self._problems: list[Problem] = []
        self._unlisted = 0
        self._doubtful = False
        self._size = 0
        #: The next position.
        self._expected = 1
        self._at = 0
        #: Over all positions so far; None when that cannot be known.
        self._frontier: Frontier | None = Frontier()
        #: Size of the last root passed, and those to come.
        self._rooted = 0
        self._roots: dict[int, tuple[bytes, bytes]] = {}

    def add(self, kind: ProblemKind, position: int, text: str, until: int | None = None) -> None:
        """Note a problem at a position, or from one to another; 0 for the file."""
        last = position if until is None else until
        where = "" if position == 0 else f"position {position}: "
        if last > position:
            where = f"positions {position} to {last}: "
        self._doubtful = self._doubtful or kind not in ("schema", "subject", "rule")
        if len(self._problems) < _LISTED:
            self._problems.append(Problem(kind, position, last, where + text))
        else:
            self._unlisted += 1

    def report(self) -> Report:
        """What was found so far."""
        known = self._frontier is not None and not self._doubtful and self._size == self._frontier.size
        root = self._frontier.root().hex() if known and self._frontier is not None else None
        return Report(self._size, root, tuple(self._problems), self._unlisted)

    def run(self, connection: apsw.Connection) -> None:
        """Check everything, each part whether or not the others can be read."""
        parts: tuple[tuple[str, Callable[[apsw.Connection], None]], ...] = (
            ("the file", self._check_file),
            ("its schema", self._check_schema),
            ("its roots", self._read_roots),
            ("its events", self._check_events),
            ("the index of subjects", self._check_subjects),
        )
        for what, part in parts:
            try:
                if not connection.in_transaction:
                    connection.execute("BEGIN")  # so that all parts see the same moment of a journal in use
                part(connection)
            except (*READ_ERRORS, TypeError) as error:
                self.add("file", 0, f"{what} cannot be read ({error})")

    def _check_file(self, connection: apsw.Connection) -> None:
        for (line,) in connection.execute(f"PRAGMA integrity_check({_LISTED})"):
            if line != "ok":
                self.add("file", 0, "SQLite finds: " + " ".join(str(line).split()))

    def _check_schema(self, connection: apsw.Connection) -> None:
        fresh = apsw.Connection(":memory:")
        try:
            fresh.execute(schema())
            wanted, found = _definitions(fresh), _definitions(connection)
        finally:
            fresh.close()
        for name in sorted(wanted.keys() | found.keys()):
            if name not in found:
                self.add("schema", 0, f"{name} is gone from the schema")
            elif found[name] != wanted.get(name):
                self.add("schema", 0, f"{name} is not as bursar defines it")
        if (rows := connection.execute("SELECT count(*) FROM journal").get) != 1:
            self.add("schema", 0, f"the table journal has {rows} rows instead of one")

    def _read_roots(self, connection: apsw.Connection) -> None:
        for size, root, packed in connection.execute("SELECT size, root, frontier FROM root ORDER BY size"):
            self._roots[size] = root, packed

    def _check_events(self, connection: apsw.Connection) -> None:
        lost = False
        for found in _rows(connection):
            if isinstance(found, _Gap):
                lost = found.until is None
                self._skip(found)
            else:
                self._check_event(found)
                self._show_progress(connection)
        last = self._expected - 1
        if not lost and (rooted := max(self._roots, default=0)) > last:
            self.add(
                "missing", last + 1, f"gone, though a root over {rooted} events was written down", rooted
            )

    def _skip(self, gap: _Gap) -> None:
        self._frontier = None
        what = "cannot be read" if gap.until is not None else "cannot be read, nor what may follow"
        self.add("unreadable", gap.first, f"{what} ({gap.reason})", gap.until)
        if gap.until is not None:
            self._expected = gap.until + 1

    def _check_event(self, record: Record) -> None:
        self._size += 1
        position, expected = record.position, self._expected
        hashed = _hashed(record)
        if position < expected:
            self.add("order", position, f"a row in the place of position {expected} claims to be this one")
            return
        if position > expected and hashed != record.leaf:
            self._frontier = None
            self._expected += 1
            self.add(
                "leaf",
                expected,
                f"the row in its place claims position {position} and does not hash to its leaf",
            )
            return
        if position > expected:
            self._frontier = None
            self.add("missing", expected, "gone, and later events are there", position - 1)
        if hashed != record.leaf:
            self.add("leaf", position, "the row does not hash to its leaf")
        else:
            self._check_rules(record)
        self._expected = position + 1
        self._grow(position, hashed)

    def _check_rules(self, record: Record) -> None:
        position, cause = record.position, record.cause
        if record.kind not in KINDS:
            self.add("rule", position, f"it is neither fact nor decision but {record.kind!r}")
        if record.at < self._at:
            self.add("rule", position, "its time is before that of the event ahead of it")
        if cause is not None and not 0 < cause < position:
            self.add("rule", position, f"its cause, position {cause}, is not before it")
        if not 0 < record.correlation <= position:
            self.add(
                "rule",
                position,
                f"its flow, of position {record.correlation}, is not its own or an earlier one",
            )
        self._at = record.at

    def _grow(self, position: int, leaf: bytes | None) -> None:
        if leaf is None:
            self._frontier = None
        elif self._frontier is not None:
            self._frontier.extend((leaf,))
        if position in self._roots:
            self._check_root(position, *self._roots[position])

    def _check_root(self, size: int, root: bytes, packed: bytes) -> None:
        """Compare, and go on from the tree written down, so that the next difference is a new one."""
        written = _restored(size, packed)
        if written is None or written.root() != root:
            self.add("root", size, "the root written down after it contradicts the subtrees beside it")
            return
        if self._frontier is not None and self._frontier.root() != root:
            self.add("root", self._rooted + 1, "they do not give the root written down after the last", size)
        self._frontier, self._rooted = written, size

    def _check_subjects(self, connection: apsw.Connection) -> None:
        subject, version, place = None, 0, 0
        for position, name, nth in connection.execute(
            "SELECT position, subject, subject_version FROM event ORDER BY subject, subject_version"
        ):
            if name != subject:
                subject, version, place = name, 0, 0
            if nth != version + 1 or position <= place:
                self.add(
                    "subject", position, f"it is number {nth} of {name} after number {version} at {place}"
                )
            version, place = nth, position

    def _show_progress(self, connection: apsw.Connection) -> None:
        if self._progress is not None and self._size % _PROGRESS_EVERY == 0:
            head = connection.execute("SELECT max(position) FROM event").get
            self._progress(self._expected - 1, head)


def _rows(connection: apsw.Connection) -> Iterator[Record | _Gap]:
    """Every event that can be read, in order, and a gap wherever reading fails.

    After a failure reading starts again behind it: one position on, then two, then four, since a damaged page
    hides few or many; so some of a gap may be sound.
    """
    after, step, failed, reason = 0, 1, 0, ""
    while after < _LARGEST_POSITION:
        try:
            for row in connection.execute(
                "SELECT * FROM event WHERE position > ? ORDER BY position", (after,)
            ):
                record = Record._make(row)
                if failed:
                    yield _Gap(failed, record.position - 1, reason)
                    failed, step = 0, 1
                yield record
                after = max(after, record.position)
            break
        except READ_ERRORS as error:
            if not failed:
                failed, reason = after + 1, str(error)
            after, step = min(after + step, _LARGEST_POSITION), step * 2
    if failed:
        yield _Gap(failed, None, reason)


def _hashed(record: Record) -> bytes | None:
    """The leaf the row ought to have; None for a row that no event can have made."""
    try:
        return leaf_hash(*record[:-1])
    except (ValueError, TypeError):
        return None


def _restored(size: int, packed: bytes) -> Frontier | None:
    try:
        return Frontier.restored(size, packed)
    except (ValueError, TypeError):
        return None


def _definitions(connection: apsw.Connection) -> dict[str, str]:
    return {
        f"{kind} {name}": sql
        for kind, name, sql in connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        )
    }
