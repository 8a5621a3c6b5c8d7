"""The good beginning of a damaged journal, as a journal of its own.

Never done by itself and never in place: what is damaged stays as evidence, and somebody may yet read more
of it. The rows are copied as they are, salts, leaves and hashes included, so that whatever was signed about
them still holds.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import apsw

from ...domain.errors import FileNotWritten, JournalConflict, JournalCorrupt, NothingToRepair
from ..connections import READ_ERRORS, connect_reading
from ..files import schema
from ..identity import APPLICATION_ID, FORMAT, StrPath, resolve
from ..merkle import SEGMENT, Frontier
from ..owner import owner_pid
from ..proof.notes import origin
from ..proof.problems import Problems
from ..proof.stretches import Authority, restored, signed_root
from ..proof.verify import check
from ..records import COLUMNS, Leaf, Record
from ..recovery import leaf_of
from .archived import Entry
from .backup import copy_segments, require_free
from .placing import placed

#: What is wrong with a journal whose events are what was written all the same.
_BESIDE_EVENTS = ("archive", "redaction", "rule")
_PROGRESS_EVERY = 4096
_ALL = f"{COLUMNS}, {', '.join(Leaf._fields)}"
_EVENTS = f"SELECT {_ALL} FROM event WHERE position > ? ORDER BY position"  # noqa: S608 - columns of ours
_INSERT = f"INSERT INTO event ({_ALL}) VALUES ({', '.join('?' * len(_ALL.split(',')))})"  # noqa: S608 - columns of ours
#: What says how far the journal went.
_HEADS = (
    "SELECT max(position) FROM event",
    "SELECT max(size) FROM root",
    "SELECT max(size) FROM checkpoint",
    "SELECT max(last) FROM command",
)

Progress = Callable[[int, int], None]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """A journal that was made of the beginning of a damaged one."""

    path: str
    #: Its last position, and the root over it in hex.
    position: int
    root: str
    #: Size of the last written or signed root that agrees; no such root speaks for the events after it.
    vouched: int
    #: The last position that the damaged journal is known to have had.
    head: int
    #: What is wrong behind the good beginning, or beside the events when all of them are good.
    reason: str
    #: Positions whose data is gone by a redaction that is among what is lost.
    unexplained: tuple[int, ...]
    #: Files of archived segments that could not be copied.
    missing: tuple[str, ...]

    @property
    def lost(self) -> int:
        """How many events are not in the new journal."""
        return max(0, self.head - self.position)


def repair(path: StrPath, destination: StrPath, progress: Progress | None = None) -> Repair:
    """Copy the longest beginning of a journal that is what was written to a new file; change nothing else.

    Every event in it hashes to its leaf, and no root that was written down or signed contradicts it.
    `progress` is called with the position reached and the last one, several times over.
    Raises NothingToRepair, JournalCorrupt when there is no such beginning, JournalConflict while somebody
    owns the journal, FileNotWritten.
    """
    journal, target = resolve(path), resolve(destination)
    require_free(journal, target, replace=False)
    if (pid := owner_pid(journal)) is not None:
        raise JournalConflict(path=journal, pid=pid)
    report = check(journal, progress)
    problem = next((found for found in report.problems if found.kind not in _BESIDE_EVENTS), None)
    if problem is None:
        raise NothingToRepair(path=journal, size=report.size)
    connection = connect_reading(journal)
    try:
        damaged = _Damaged(journal, connection)
        prefix, head = damaged.good_prefix(progress), damaged.head()
        if prefix.size <= len(damaged.archive) * SEGMENT:
            raise JournalCorrupt(path=journal, position=prefix.size + 1, problem=prefix.reason)
        with ExitStack() as placing:
            building = placing.enter_context(placed(target))
            unexplained = _write(damaged, prefix, building, target)
            _, missing = copy_segments(placing, journal, target, damaged.archive, replace=False)
            _require_good(building, target, prefix, progress)
    finally:
        connection.close()
    return Repair(
        path=target,
        position=prefix.size,
        root=prefix.root.hex(),
        vouched=prefix.vouched,
        head=max(head, prefix.size),
        reason=prefix.reason or problem.text,
        unexplained=unexplained,
        missing=missing,
    )


@dataclass(slots=True)
class _Prefix:
    """A beginning of a journal."""

    size: int
    root: bytes
    vouched: int
    #: Why it ends; empty when it is all there is.
    reason: str
    #: Rows of the tables `root` and `checkpoint` about it.
    roots: list[Row]
    notes: list[Row]


class _Damaged:
    """A journal of which nothing is certain."""

    def __init__(self, path: str, connection: apsw.Connection) -> None:
        """Raises JournalCorrupt when it does not say which journal it is."""
        self.path = path
        self._connection = connection
        identity = next(self.readable("SELECT journal_id, created_at FROM journal"), None)
        if identity is None:
            raise JournalCorrupt(path=path, position=0, problem="it does not say which journal it is")
        self.identity = identity
        #: The archived segments, as far as they are in order.
        self.archive: list[Entry] = []
        for row in self.readable("SELECT segment, root, file, sha256 FROM archive ORDER BY segment"):
            if row[0] != len(self.archive):
                break
            self.archive.append(Entry._make(row))

    def readable(self, sql: str, *bindings: int) -> Iterator[Row]:
        """The rows up to the first that cannot be read."""
        with suppress(*READ_ERRORS):
            yield from self._connection.execute(sql, bindings)

    def events(self, after: int) -> Iterator[Row]:
        """Rows of the table `event`; raises what reading them does, and not before it must."""
        yield from self._connection.execute(_EVENTS, (after,))

    def head(self) -> int:
        """The last position that it is known to have had."""
        return max(row[0] or 0 for sql in _HEADS for row in (next(self.readable(sql), (0,)),))

    def good_prefix(self, progress: Progress | None) -> _Prefix:
        """The events up to the first that is not what was written.

        When a root behind the last one that agrees contradicts them, it is the events up to that last one.
        """
        walk, head = _Walk(self._evidence()), self.head()
        for entry in self.archive:
            walk.pass_segment(entry.root)
        reason = walk.pass_events(self.events(walk.size), lambda at: progress and progress(at, head))
        return walk.prefix(reason)

    def _evidence(self) -> "dict[int, list[_Evidence]]":
        """What was written down or signed about the tree, and does not contradict itself, by size."""
        found: dict[int, list[_Evidence]] = {}
        for row in self.readable("SELECT size, root, frontier, at FROM root ORDER BY size"):
            if restored(*row[:3]) is not None:
                found.setdefault(row[0], []).append(_Evidence(row[1], row, signed=False))
        authority = Authority(origin(self.identity[0]))
        for row in self.readable("SELECT size, note, at FROM checkpoint ORDER BY size"):
            root = signed_root(row[0], row[1], authority, Problems())
            if root is not None:
                found.setdefault(row[0], []).append(_Evidence(root, row, signed=True))
        return found


class _Evidence(NamedTuple):
    """A root that was written down or signed."""

    root: bytes
    row: Row
    signed: bool


class _Walk:
    """Goes through a journal from its beginning, and compares with the roots on the way."""

    def __init__(self, evidence: dict[int, list[_Evidence]]) -> None:
        self._evidence = evidence
        self._segments = Frontier()
        self._frontier = Frontier()
        self._agreed: list[_Evidence] = []
        #: Size and root of the last one that agrees, and the size of the first after it that does not.
        self._vouched = 0, self._frontier.root()
        self._doubt: int | None = None

    @property
    def size(self) -> int:
        """Events so far."""
        return self._frontier.size

    def pass_segment(self, root: bytes) -> None:
        """Go over an archived segment; what was written down within it cannot be compared, and is kept."""
        before = self.size
        self._segments.extend((root,))
        self._frontier = Frontier.restored(before + SEGMENT, self._segments.packed())
        within = sorted(size for size in self._evidence if before < size < self.size)
        self._agreed += (each for size in within for each in self._evidence[size])
        self._compare()

    def pass_events(self, rows: Iterator[Row], progress: Callable[[int], object]) -> str:
        """Go over events; return why there is no further one that is what was written, or nothing."""
        position = self.size + 1
        try:
            for row in rows:
                record, leaf = Record._make(row[:10]), Leaf._make(row[10:])
                if record.position != position:
                    return f"position {position}: there is no such event, but later ones"
                if leaf_of(record, leaf) != leaf.leaf:
                    return f"position {position}: the event does not hash to its leaf"
                self._frontier.extend((leaf.leaf,))
                self._compare()
                if position % _PROGRESS_EVERY == 0:
                    progress(position)
                position += 1
        except (*READ_ERRORS, AttributeError) as error:  # or data that has become a number
            return f"position {position}: it cannot be read ({error})"
        return ""

    def prefix(self, reason: str) -> _Prefix:
        """What has been passed and is not in doubt."""
        size, root = self.size, self._frontier.root()
        if self._doubt is not None:
            size, root = self._vouched
            reason = (
                f"positions {size + 1} to {self._doubt}: they do not give the root written down after them"
            )
        return _Prefix(
            size=size,
            root=root,
            vouched=self._vouched[0],
            reason=reason,
            roots=[each.row for each in self._agreed if not each.signed],
            notes=[each.row for each in self._agreed if each.signed],
        )

    def _compare(self) -> None:
        for each in self._evidence.get(self.size, ()):
            if each.root == self._frontier.root():
                self._agreed.append(each)
                self._vouched, self._doubt = (self.size, each.root), None
            elif self._doubt is None:
                self._doubt = self.size


def _write(damaged: _Damaged, prefix: _Prefix, building: str, target: str) -> tuple[int, ...]:
    """Fill the empty file; return the positions that were redacted by an event that is not among these."""
    redactions = list(damaged.readable("SELECT position, by FROM redaction WHERE position <= ?", prefix.size))
    kept = [row for row in redactions if row[1] <= prefix.size]
    commands = damaged.readable(
        "SELECT id, fingerprint, first, last FROM command WHERE last <= ?", prefix.size
    )
    connection = apsw.Connection(building, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # The file has no name yet that anybody knows, and is synced as a whole.
        connection.pragma("synchronous", 0)
        connection.pragma("journal_mode", "off")
        with connection:
            connection.execute(schema())
            # They are for rows that are added one after the other, from the first.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
            connection.execute("INSERT INTO journal VALUES (?, ?, ?)", (*damaged.identity, FORMAT))
            archived = len(damaged.archive) * SEGMENT
            connection.executemany(_INSERT, islice(damaged.events(archived), prefix.size - archived))
            connection.executemany("INSERT INTO root VALUES (?, ?, ?, ?)", prefix.roots)
            connection.executemany("INSERT INTO checkpoint VALUES (?, ?, ?)", prefix.notes)
            connection.executemany("INSERT INTO archive VALUES (?, ?, ?, ?)", damaged.archive)
            connection.executemany("INSERT INTO redaction VALUES (?, ?)", kept)
            connection.executemany("INSERT INTO command VALUES (?, ?, ?, ?)", commands)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", FORMAT)
    except apsw.Error as error:
        raise FileNotWritten(path=target, problem=f"{error}") from error
    finally:
        connection.close()
    return tuple(row[0] for row in redactions if row[1] > prefix.size)


def _require_good(building: str, target: str, prefix: _Prefix, progress: Progress | None) -> None:
    report = check(building, progress)
    bad = next((problem for problem in report.problems if problem.kind not in _BESIDE_EVENTS), None)
    if bad is not None or report.root != prefix.root.hex():
        problem = bad.text if bad else "its root is another one"
        raise FileNotWritten(path=target, problem=f"the copy is not what was to be copied ({problem})")
