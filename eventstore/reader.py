"""Reading a journal: from any process, at any time, beside its owner or without one.

Starts in milliseconds: imports nothing but apsw, json and what a bare interpreter has loaded anyway.
"""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH110, PTH116
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, Self

from ..domain.errors import JournalCorrupt
from .connections import READ_ERRORS, connect_reading, translated
from .identity import StrPath, resolve
from .owner import owner_pid
from .records import Record

#: Rows read at a time.
_PAGE = 512
_EVENTS = """
SELECT * FROM event
  WHERE position > :after AND position <= :until
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
    AND (:correlation IS NULL OR correlation = :correlation)
  ORDER BY position LIMIT :page
"""
#: By the subject's index: its versions rise with the positions.
_EVENTS_OF_SUBJECT = """
SELECT * FROM event
  WHERE subject = :subject AND subject_version > :seen
    AND position > :after AND position <= :until
    AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
    AND (:correlation IS NULL OR correlation = :correlation)
  ORDER BY subject_version LIMIT :page
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
        self._connection = connect_reading(self.path)
        try:
            row = self._first("SELECT journal_id, created_at FROM journal", ())
            if row is None:
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
        head = self.head()
        named: dict[str, Any] = {
            "after": after,
            "until": head if until is None else min(until, head),
            "types": None if types is None else json.dumps(sorted(types)),
            "subject": subject,
            "seen": 0,
            "correlation": correlation,
        }
        return self._paged(_EVENTS if subject is None else _EVENTS_OF_SUBJECT, named, limit)

    def get(self, position: int) -> Record | None:
        """The event at a position; None when there is none."""
        row = self._first("SELECT * FROM event WHERE position = ?", (position,), position)
        return None if row is None else Record._make(row)

    def last(self, subject: str) -> Record | None:
        """The last event of a subject; None when it has none."""
        row = self._first(
            "SELECT * FROM event WHERE subject = ? ORDER BY subject_version DESC LIMIT 1", (subject,)
        )
        return None if row is None else Record._make(row)

    def leaf(self, position: int) -> bytes | None:
        """The leaf at a position; None when there is none. For `snapshots`."""
        row = self._first("SELECT leaf FROM event WHERE position = ?", (position,), position)
        return None if row is None else row[0]

    def subjects(self, prefix: str = "") -> list[str]:
        """The subjects that begin with the prefix, sorted by their UTF-8."""
        try:
            return [subject for (subject,) in self._connection.execute(_SUBJECTS, {"prefix": prefix})]
        except READ_ERRORS as error:
            raise translated(self.path, error, 0) from error

    def position_at(self, time_ns: int) -> int:
        """The last position whose time is not after this one (UTC nanoseconds); 0 when there is none.

        Bisects the positions, which time never decreases along.
        """
        low, high = 0, self.head()
        while low < high:
            middle = (low + high + 1) // 2
            if self._number("SELECT at FROM event WHERE position = ?", middle) <= time_ns:
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

    def close(self) -> None:
        """Let go of the file. Calling it twice is calling it once."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _paged(self, sql: str, named: dict[str, Any], limit: int | None) -> Iterator[Record]:
        while limit is None or limit > 0:
            named["page"] = _PAGE if limit is None else min(_PAGE, limit)
            rows: list[Any] = []
            damage: BaseException | None = None
            try:
                rows.extend(self._connection.execute(sql, named))
            except READ_ERRORS as error:
                damage = error
            for row in rows:
                yield Record._make(row)
            if rows:
                named["after"], named["seen"] = rows[-1][0], rows[-1][5]
            if damage is not None:
                raise translated(self.path, damage, named["after"] + 1) from damage
            if len(rows) < named["page"]:
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
