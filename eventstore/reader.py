"""Reading a journal: from any process, at any time, beside its owner or without one.

Starts in milliseconds: imports nothing but apsw, json and what a bare interpreter has loaded anyway.
"""

# Importing pathlib would cost a reader more than all it does itself; the columns in statements are ours.
# ruff: noqa: PTH110, PTH116, S608
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self

from ..domain.errors import JournalCorrupt
from .connections import READ_ERRORS, connect_reading, translated
from .identity import StrPath, resolve
from .owner import owner_pid
from .records import COLUMNS, Record

if TYPE_CHECKING:
    from .keeping.archived import Archive

#: What folds read of an event and nothing more, as a plain tuple: a named one costs a third of a fold.
Row = tuple[int, int, str, int, str | None]
#: Rows read at a time.
_PAGE = 512
_EVENTS = f"""
SELECT {COLUMNS} FROM event
  WHERE position > :after AND position <= :until
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
    AND (:correlation IS NULL OR correlation = :correlation)
  ORDER BY position LIMIT :page
"""
_ROWS = """
SELECT position, at, type, version, data FROM event
  WHERE position > :after AND position <= :until
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
  ORDER BY position LIMIT :page
"""
#: By the index of subjects, which has their positions in order.
_EVENTS_OF_SUBJECT = f"""
SELECT {COLUMNS} FROM event INDEXED BY event_subject
  WHERE subject = :subject AND position > :after AND position <= :until
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
    AND (:correlation IS NULL OR correlation = :correlation)
  ORDER BY position LIMIT :page
"""
_ROWS_OF_SUBJECT = """
SELECT position, at, type, version, data FROM event INDEXED BY event_subject
  WHERE subject = :subject AND position > :after AND position <= :until
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
  ORDER BY position LIMIT :page
"""
_FIELDS = """
SELECT position, json_extract(data, '$.' || :field) FROM event
  WHERE position IN (SELECT value FROM json_each(:positions))
"""
_LEAVES = """
SELECT position, leaf FROM event
  WHERE position > :after AND position <= :until ORDER BY position LIMIT :page
"""
#: Jumps from one subject to the next, however many events each has.
_SUBJECTS = """
WITH RECURSIVE found(subject) AS (
  SELECT min(subject) FROM event WHERE subject >= :prefix
  UNION ALL
  SELECT (SELECT min(subject) FROM event WHERE subject > found.subject) FROM found
    WHERE substr(found.subject, 1, length(:prefix)) = :prefix
)
SELECT subject FROM found WHERE substr(subject, 1, length(:prefix)) = :prefix
"""


class Reader:
    """A read-only view of a journal, for one thread. Sees every commit, and nothing before it.

    Methods raise JournalCorrupt where the file cannot be read, JournalUnusable when it is locked for seconds.
    """

    def __init__(self, path: StrPath) -> None:
        """Open the journal. Raises JournalUnusable when there is none, or the file is none of ours."""
        #: Resolved.
        self.path = resolve(path)
        self._archive: Archive | None = None
        self._connection = connect_reading(self.path)
        try:
            row = self._first("SELECT journal_id, created_at FROM journal", ())
            if row is None or not isinstance(row[0], bytes) or len(row[0]) != 16:
                raise JournalCorrupt(
                    path=self.path, position=0, problem="it does not say which journal it is"
                )
        except BaseException:
            self._connection.close()
            raise
        #: 16 random bytes; with a position it names an event everywhere.
        self.journal_id: bytes = row[0]
        #: UTC nanoseconds.
        self.created_at: int = row[1]

    def head(self) -> int:
        """Last position; 0 when there is none."""
        return self._number("SELECT coalesce(max(position), 0) FROM event")

    def read(
        self,
        after: int = 0,
        until: int | None = None,
        *,
        types: Iterable[str] | None = None,
        subject: str | None = None,
        correlation: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """The events after a position, up to and including another, in order; none later than now.

        Only a subject has an index; the other filters look at every event in between. Reads some hundred at a
        time, and nothing is held open in between: a caller may take as long as it likes.
        """
        wanted: dict[str, Any] = {
            "types": None if types is None else sorted(types),
            "subject": subject,
            "correlation": correlation,
        }
        sql = _EVENTS if subject is None else _EVENTS_OF_SUBJECT
        return map(Record._make, chain.from_iterable(self._pages(sql, after, until, wanted, limit)))

    def rows(
        self,
        after: int = 0,
        until: int | None = None,
        *,
        types: Iterable[str] | None = None,
        subject: str | None = None,
    ) -> Iterator[Row]:
        """The same events as `read`, as plain tuples of position, time, type, version and data."""
        wanted = {"types": None if types is None else sorted(types), "subject": subject}
        sql = _ROWS if subject is None else _ROWS_OF_SUBJECT
        return chain.from_iterable(self._pages(sql, after, until, wanted, None))

    def get(self, position: int) -> Record | None:
        """The event at a position; None when there is none."""
        row = self._first(f"SELECT {COLUMNS} FROM event WHERE position = ?", (position,), position)
        if row is None and (archive := self._archived()) is not None:
            found = archive.get(position)
            return found and found.record
        return None if row is None else Record._make(row)

    def fields(self, positions: Sequence[int], field: str) -> dict[int, Any]:
        """What a field of the data has at some positions, without those where there is no such thing."""
        bindings: dict[str, Any] = {"field": field, "positions": json.dumps(positions)}
        position = min(positions, default=0)
        try:
            rows: list[Any] = self._connection.execute(_FIELDS, bindings).fetchall()
        except READ_ERRORS as error:
            raise translated(self.path, error, position) from error
        found = {position: value for position, value in rows if value is not None}
        if len(rows) < len(positions) and self._archived() is not None:
            for moved in {*positions}.difference(position for position, _value in rows):
                record = self.get(moved)
                value = json.loads(record.data).get(field) if record and record.data else None
                found |= {} if value is None else {moved: value}
        return found

    def last(self, subject: str) -> Record | None:
        """The last event of a subject; None when it has none."""
        row = self._first(
            f"SELECT {COLUMNS} FROM event WHERE subject = ? ORDER BY position DESC LIMIT 1", (subject,)
        )
        if row is None and (archive := self._archived()) is not None:
            return archive.last_of(subject)
        return None if row is None else Record._make(row)

    def leaf(self, position: int) -> bytes | None:
        """The leaf at a position; None when there is none. For `snapshots`."""
        row = self._first("SELECT leaf FROM event WHERE position = ?", (position,), position)
        if row is None and (archive := self._archived()) is not None:
            found = archive.get(position)
            return found and found.leaf.leaf
        return None if row is None else row[0]

    def leaves(self, after: int = 0, until: int | None = None) -> Iterator[bytes]:
        """The leaves after a position, up to and including another, in order."""
        return (leaf for page in self._pages(_LEAVES, after, until, {}, None) for _, leaf in page)

    def subjects(self, prefix: str = "") -> list[str]:
        """The subjects that begin with the prefix, sorted by their UTF-8."""
        try:
            found = [subject for (subject,) in self._connection.execute(_SUBJECTS, {"prefix": prefix})]
        except READ_ERRORS as error:
            raise translated(self.path, error, 0) from error
        archive = self._archived()
        return found if archive is None else sorted(archive.subjects(prefix).union(found))

    def position_at(self, time_ns: int) -> int:
        """The last position whose time is not after this one (UTC nanoseconds); 0 when there is none.

        Bisects the positions, which time never decreases along.
        """
        low, high = 0, self.head()
        while low < high:
            middle = (low + high + 1) // 2
            if self._time_of(middle) <= time_ns:
                low = middle
            else:
                high = middle - 1
        return low

    def size_bytes(self) -> int:
        """Bytes on disk, the log's among them."""
        return sum(os.stat(file).st_size for file in (self.path, self.path + "-wal") if os.path.exists(file))

    def data_version(self) -> int:
        """A number that is another one after another connection has committed; costs microseconds."""
        return self._number("PRAGMA data_version")

    def owner_pid(self) -> int | None:
        """The process that owns the journal now; None when there is none, or it cannot be told."""
        return owner_pid(self.path)

    def segments_archived(self) -> int:
        """How many segments of 65,536 positions lie in files beside the journal instead of in it."""
        return self._number("SELECT coalesce(max(segment) + 1, 0) FROM archive")

    def last_checkpoint(self) -> tuple[int, int] | None:
        """Size and time (UTC nanoseconds) of the last signed checkpoint; None when there is none."""
        row = self._first("SELECT size, at FROM checkpoint ORDER BY size DESC LIMIT 1", ())
        return None if row is None else (row[0], row[1])

    def close(self) -> None:
        """Let go of the file. Calling it twice is calling it once."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pages(
        self, sql: str, after: int, until: int | None, wanted: dict[str, Any], limit: int | None
    ) -> Iterator[Iterable[Any]]:
        """The rows that a statement gives for the positions in between, page by page."""
        head = self.head()
        until = head if until is None else min(until, head)
        types = wanted.get("types")
        bindings = {**wanted, "types": None if types is None else json.dumps(types), "until": until}
        while after < until and (limit is None or limit > 0):
            page = _PAGE if limit is None else min(_PAGE, limit)
            rows: list[Any] = []
            damage: BaseException | None = None
            try:
                rows.extend(self._connection.execute(sql, {**bindings, "after": after, "page": page}))
            except READ_ERRORS as error:
                damage = error
            # Asked behind the page: what has been moved out since it was read is passed over by nobody.
            archive = self._archived()
            if archive is not None and after < archive.last:
                for row in islice(_SHAPES[sql](archive, after, until, wanted), limit):
                    yield (row,)
                    limit = None if limit is None else limit - 1
                after = archive.last
                continue
            yield rows
            if rows:
                after = rows[-1][0]
            if damage is not None and after < until:
                raise translated(self.path, damage, after + 1) from damage
            if len(rows) < page:
                return
            limit = None if limit is None else limit - len(rows)

    def _first(self, sql: str, bindings: tuple[Any, ...], position: int = 0) -> Any:
        try:
            return self._connection.execute(sql, bindings).fetchone()
        except READ_ERRORS as error:
            raise translated(self.path, error, position) from error

    def _number(self, sql: str, *bindings: int) -> int:
        row = self._first(sql, bindings, *bindings)
        if row is None:
            raise JournalCorrupt(
                path=self.path, position=sum(bindings), problem="there is no such event, but later ones"
            )
        number: int = row[0]
        return number

    def _time_of(self, position: int) -> int:
        row = self._first("SELECT at FROM event WHERE position = ?", (position,), position)
        if row is not None:
            if not isinstance(row[0], int):
                raise JournalCorrupt(path=self.path, position=position, problem="its time is no number")
            return row[0]
        record = self.get(position)
        if record is None:
            raise JournalCorrupt(
                path=self.path, position=position, problem="there is no such event, but later ones"
            )
        return record.at

    def _archived(self) -> "Archive | None":
        """The segments that lie in files, as it is now; None when none does."""
        segments = self.segments_archived()
        if segments == 0:
            return None
        if self._archive is None or self._archive.segments != segments:
            from .keeping.archived import Archive  # imports zstandard

            self._archive = Archive(self.path, self._connection.execute("SELECT * FROM archive").fetchall())
        return self._archive


def _archived_records(archive: "Archive", after: int, until: int, wanted: dict[str, Any]) -> Iterator[Any]:
    return archive.read(after, until, **wanted)


def _archived_rows(archive: "Archive", after: int, until: int, wanted: dict[str, Any]) -> Iterator[Any]:
    found = archive.read(after, until, **wanted)
    return ((event.position, event.at, event.type, event.version, event.data) for event in found)


def _archived_leaves(archive: "Archive", after: int, until: int, wanted: dict[str, Any]) -> Iterator[Any]:
    return ((event.record.position, event.leaf.leaf) for event in archive.events(after, until))


#: What a statement's rows look like when they come from files.
_SHAPES = {
    _EVENTS: _archived_records,
    _EVENTS_OF_SUBJECT: _archived_records,
    _ROWS: _archived_rows,
    _ROWS_OF_SUBJECT: _archived_rows,
    _LEAVES: _archived_leaves,
}
