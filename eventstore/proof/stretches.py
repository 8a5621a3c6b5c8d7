"""A stretch of a journal is read and every event of it hashed again: rows, rules, roots, checkpoints.

A stretch begins where a root was written down, from the tree written there, so that stretches can be checked
beside each other: that one tree grows into the next is checked by the stretch between them.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any

import apsw

from ...domain.errors import NoteInvalid
from ..connections import READ_ERRORS
from ..merkle import Frontier, pack_header
from ..records import COLUMNS, KINDS, Leaf, Record
from ..recovery import leaf_of
from .notes import Checkpoint, Note, VerifierKey
from .problems import Problems

#: All columns of an event, in the order of `Record` and `Leaf`.
_Row = tuple[Any, ...]

_EVENTS = (
    f"SELECT {COLUMNS}, {', '.join(Leaf._fields)} FROM event"  # noqa: S608 - names of our own
    " WHERE position >= ? ORDER BY position"
)
_ROOTS = "SELECT size, root, frontier FROM root WHERE size > ? AND size <= ? ORDER BY size"
_CHECKPOINTS = "SELECT size, note FROM checkpoint WHERE size > ? AND size <= ? ORDER BY size"
_LARGEST_POSITION = 2**63 - 1
#: Rows between two looks at the progress, at most.
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Authority:
    """What checkpoints are held against."""

    #: The first line of all of this journal's.
    origin: str
    #: Each must be signed by one of these; none: signatures are not looked at.
    keys: tuple[VerifierKey, ...] = ()
    #: Kept elsewhere, and known to be signed.
    note: Checkpoint | None = None


@dataclass(slots=True)
class Found:
    """What a stretch turned out to be."""

    problems: Problems = field(default_factory=Problems)
    #: Events that could be read.
    size: int = 0
    #: Over everything up to its end; None when that cannot be known.
    frontier: Frontier | None = None
    #: The position after the last one.
    expected: int = 1
    #: Whether reading ended before the end.
    lost: bool = False
    #: Positions without data.
    redacted: list[int] = field(default_factory=list[int])
    #: Checkpoints whose root is the tree's, and those that cannot be told.
    checkpoints: int = 0
    uncompared: int = 0
    #: Whether the note kept elsewhere is about this tree; None when that cannot be told.
    kept: bool | None = None

    def join(self, behind: "Found") -> None:
        """Add what the next stretch turned out to be, but for its problems."""
        self.size += behind.size
        self.frontier, self.expected, self.lost = behind.frontier, behind.expected, behind.lost
        self.redacted += behind.redacted
        self.checkpoints += behind.checkpoints
        self.uncompared += behind.uncompared
        self.kept = self.kept if behind.kept is None else behind.kept


class Stretch:
    """One pass over the rows behind a tree."""

    def __init__(self, start: Frontier, authority: Authority, progress: Callable[[int], None] | None) -> None:
        """`progress` is called now and then with the position reached."""
        self.found = Found(frontier=start, expected=start.size + 1)
        self._problems = self.found.problems
        self._authority = authority
        self._progress = progress
        self._at = 0
        #: Size of the last root passed.
        self._rooted = start.size
        self._roots: dict[int, tuple[bytes, bytes]] = {}
        self._notes: dict[int, bytes] = {}
        #: Sizes at which there is something to compare, the next one last.
        self._stops: list[int] = []

    def check(self, connection: apsw.Connection, until: int | None) -> Found:
        """Read it up to a position, or all there is. Raises apsw.Error where its roots cannot be read."""
        start = self.found.expected - 1
        self._at = _time_of(connection, start)
        last = _LARGEST_POSITION if until is None else until
        for size, root, packed in connection.execute(_ROOTS, (start, last)):
            self._roots[size] = root, packed
        self._read_checkpoints(connection, start, last)
        kept = {note.size} if (note := self._authority.note) is not None else set[int]()
        self._stops = sorted(self._roots.keys() | self._notes.keys() | kept, reverse=True)
        self._read(connection, last)
        if until is not None and self.found.expected <= until:
            self._problems.add("missing", self.found.expected, "gone, and later events are there", until)
            self.found.frontier, self.found.expected = None, until + 1
        self.found.uncompared += len(self._notes)
        return self.found

    def _read_checkpoints(self, connection: apsw.Connection, start: int, last: int) -> None:
        for size, note in connection.execute(_CHECKPOINTS, (start, last)):
            root = signed_root(size, note, self._authority, self._problems)
            if root is not None:
                self._notes[size] = root

    def _read(self, connection: apsw.Connection, last: int) -> None:
        found = self.found
        rows: Iterator[_Row] | None = connection.execute(_EVENTS, (found.expected,))
        while rows is not None and found.expected <= last:
            count = self._next_stop(last) - found.expected + 1
            leaves, self._at, odd = _plain(rows, count, found.expected, self._at)
            self._grow(leaves)
            if isinstance(odd, BaseException):
                rows = self._behind(connection, last, str(odd))
            elif odd is not None:
                self._check_odd(odd, last)
            elif len(leaves) < count:
                return

    def _next_stop(self, last: int) -> int:
        """The end of the next piece: where there is something to compare, or to say."""
        stops, expected = self._stops, self.found.expected
        while stops and stops[-1] < expected:
            stops.pop()
        return min(stops[-1] if stops else last, last, expected + _CHUNK - 1)

    def _behind(self, connection: apsw.Connection, last: int, reason: str) -> Iterator[_Row] | None:
        """Go on reading behind what cannot be read; None when nothing can be read any more.

        Steps of one position, two, four, until something can be read, and then halves them: a damaged page
        hides few or many.
        """
        first = bad = self.found.expected
        good, self.found.frontier = first + 1, None
        while not _readable(connection, good):
            if good > last or good == _LARGEST_POSITION:
                self._lose(first, last, reason)
                return None
            bad, good = good, min(good + 2 * (good - bad), _LARGEST_POSITION)
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if _readable(connection, middle) else (middle, good)
        self._problems.add("unreadable", first, f"cannot be read ({reason})", min(good - 1, last))
        self.found.expected = good
        return connection.execute(_EVENTS, (good,))

    def _lose(self, first: int, last: int, reason: str) -> None:
        if last < _LARGEST_POSITION:
            self._problems.add("unreadable", first, f"cannot be read ({reason})", last)
            self.found.expected = last + 1
        else:
            self._problems.add("unreadable", first, f"cannot be read, nor what may follow ({reason})")
            self.found.lost = True

    def _grow(self, leaves: Sequence[bytes]) -> None:
        found = self.found
        if not leaves:
            return
        before = found.expected
        found.size += len(leaves)
        found.expected += len(leaves)
        if found.frontier is not None:
            found.frontier = grown(found.frontier, leaves)
        self._compare(found.expected - 1)
        if self._progress is not None and found.expected // _CHUNK > before // _CHUNK:
            self._progress(found.expected - 1)

    def _check_odd(self, row: _Row, last: int) -> None:
        """A row that is not the plain next one; it may be sound all the same."""
        found, problems = self.found, self._problems
        record, leaf = Record._make(row[:10]), Leaf._make(row[10:])
        position, expected = record.position, found.expected
        hashed = _hashed(record, leaf)
        if position < expected:
            found.size += 1
            problems.add(
                "order", position, f"a row in the place of position {expected} claims to be this one"
            )
            return
        if position > expected and hashed != leaf.leaf:
            problems.add(
                "leaf",
                expected,
                f"the row in its place claims position {position} and does not hash to its leaf",
            )
            found.size, found.expected, found.frontier = found.size + 1, expected + 1, None
            return
        if position > expected:
            problems.add("missing", expected, "gone, and later events are there", min(position - 1, last))
            found.expected, found.frontier = position, None
        if position > last:  # another stretch's
            return
        if hashed != leaf.leaf:
            problems.add("leaf", position, "the row does not hash to its leaf")
        else:
            self._check_rules(record)
            self._check_data(record, leaf)
        if hashed is None:
            found.frontier = None
        self._grow((leaf.leaf if hashed is None else hashed,))

    def _check_rules(self, record: Record) -> None:
        position, cause, add = record.position, record.cause, self._problems.add
        if record.kind not in KINDS:
            add("rule", position, f"it is neither fact nor decision but {record.kind!r}")
        if record.at < self._at:
            add("rule", position, "its time is before that of the event ahead of it")
        if cause is not None and not 0 < cause < position:
            add("rule", position, f"its cause, position {cause}, is not before it")
        if not 0 < record.correlation <= position:
            flow = record.correlation
            add("rule", position, f"its flow, of position {flow}, is not its own or an earlier one")
        self._at = record.at

    def _check_data(self, record: Record, leaf: Leaf) -> None:
        if record.data is None:
            self.found.redacted.append(record.position)
        if (record.data is None) is not (leaf.salt is None) or (record.data is None) is (
            leaf.data_hash is None
        ):
            self._problems.add("redaction", record.position, "half of what goes when data goes is there")

    def _compare(self, size: int) -> None:
        if size in self._roots:
            self._compare_root(size, *self._roots[size])
        if size in self._notes:
            self._compare_checkpoint(size, self._notes.pop(size))
        kept = self._authority.note
        if kept is not None and kept.size == size and self.found.frontier is not None:
            self.found.kept = self.found.frontier.root() == kept.root

    def _compare_root(self, size: int, root: bytes, packed: bytes) -> None:
        """Compare, and go on from the tree written down, so that the next difference is a new one."""
        written = restored(size, root, packed)
        if written is None:
            self._problems.add(
                "root", size, "the root written down after it contradicts the subtrees beside it"
            )
            return
        if self.found.frontier is not None and self.found.frontier.root() != root:
            text = "they do not give the root written down after the last"
            self._problems.add("root", self._rooted + 1, text, size)
        self.found.frontier, self._rooted = written, size

    def _compare_checkpoint(self, size: int, root: bytes) -> None:
        if self.found.frontier is None:
            self.found.uncompared += 1
        elif self.found.frontier.root() == root:
            self.found.checkpoints += 1
        else:
            self._problems.add(
                "checkpoint", 1, "they do not give the root that was signed after the last", size
            )


def signed_root(size: int, note: object, authority: Authority, problems: Problems) -> bytes | None:
    """The root that a checkpoint of the journal vouches for; None, and a problem, when it does for none."""
    try:
        parsed = Note.parse(f"{note}")
        checkpoint = Checkpoint.parse(parsed.text)
        signer = parsed.signer(authority.keys)
    except NoteInvalid as error:
        problems.add("checkpoint", size, f"its checkpoint is no such thing: {error}")
        return None
    if (checkpoint.origin, checkpoint.size) != (authority.origin, size):
        what = f"{checkpoint.size} events of {checkpoint.origin}"
        problems.add("checkpoint", size, f"the checkpoint here is about {what}")
        return None
    if authority.keys and signer is None:
        names = ", ".join(sorted({signature.name for signature in parsed.signatures}))
        problems.add(
            "checkpoint", size, f"its checkpoint is not signed by a key that is known, but by {names}"
        )
    return checkpoint.root


def restored(size: int, root: object, packed: bytes) -> Frontier | None:
    """The tree written down beside a root; None when the two contradict each other."""
    try:
        frontier = Frontier.restored(size, packed)
        return frontier if frontier.root() == root else None
    except (ValueError, TypeError):
        return None


def grown(frontier: Frontier, leaves: Sequence[bytes]) -> Frontier:
    """What `Frontier.extend` makes of it, level by level: a third faster for many leaves."""
    size, packed = frontier.size, frontier.packed()
    subtrees = [packed[at : at + 32] for at in range(0, len(packed), 32)]
    nodes, left, smallest = list(leaves), size, list[bytes]()
    while nodes:
        if left & 1:
            nodes.insert(0, subtrees.pop())
        if len(nodes) & 1:
            smallest.append(nodes.pop())
        pairs = iter(nodes)
        nodes = [sha256(b"\1" + one + other).digest() for one, other in zip(pairs, pairs, strict=True)]
        left >>= 1
    return Frontier.restored(size + len(leaves), b"".join([*subtrees, *reversed(smallest)]))


def _plain(
    rows: Iterable[_Row], count: int, expected: int, at: int
) -> tuple[list[bytes], int, _Row | BaseException | None]:
    """Hash rows while each is the next one, whole, and within the rules: the leaves, and the last time.

    Also gives the first row that is not like that, or the error at which reading ended. Takes most of the
    time of a verification, so it repeats what `merkle.leaf_hash` does; what is not alike goes through that.
    """
    leaves, row = list[bytes](), None
    add, pack, digest = leaves.append, pack_header, sha256
    try:
        for row in islice(rows, count):
            position, kind, type_, version, subject, now, cause, flow, actor, data, salt, kept, leaf = row
            if (
                digest(
                    pack(
                        b"\0", position, version, now, cause is not None, cause or 0, flow,
                        len(kind), len(type_), len(subject), len(actor),
                    )
                    + f"{kind}{type_}{subject}{actor}".encode()
                    + digest(salt + data.encode()).digest()
                ).digest() != leaf
                or position != expected
                or now < at
                or kept is not None
                or not 0 < flow <= position
                or (cause is not None and not 0 < cause < position)
                or kind not in KINDS
            ):  # fmt: skip
                return leaves, at, row
            add(leaf)
            expected += 1
            at = now
    except READ_ERRORS as error:
        return leaves, at, error
    except (TypeError, AttributeError, struct.error):  # a column has become something else
        return leaves, at, row
    return leaves, at, None


def _hashed(record: Record, leaf: Leaf) -> bytes | None:
    try:
        return leaf_of(record, leaf)
    except AttributeError:  # data that has become a number
        return None


def _readable(connection: apsw.Connection, position: int) -> bool:
    """Whether what is at the position or behind it can be read; also when nothing is."""
    try:
        connection.execute(_EVENTS, (position,)).fetchone()
    except READ_ERRORS:
        return False
    return True


def _time_of(connection: apsw.Connection, position: int) -> int:
    """When the event at the position was; 0 when there is none, or it cannot be read."""
    try:
        row = connection.execute("SELECT at FROM event WHERE position = ?", (position,)).fetchone()
    except READ_ERRORS:
        return 0
    return row[0] if row is not None and isinstance(row[0], int) else 0
