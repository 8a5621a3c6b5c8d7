"""The index: where in a journal is what belongs to a flow, is of a type, or was caused by an event.

The journal itself has an index of subjects only; each one more would cost every commit another page.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

import apsw

from ..identity import StrPath
from ..reader import Reader
from ..records import Record
from .projection import Projection
from .view import View

_SCHEMA = """
CREATE TABLE type (
  number INTEGER PRIMARY KEY,
  name   TEXT    NOT NULL UNIQUE,
  events INTEGER NOT NULL  -- how many there are
) STRICT;
CREATE TABLE by_type (
  type INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (type, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE by_correlation (
  correlation INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (correlation, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE by_cause (
  cause INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (cause, position)
) STRICT, WITHOUT ROWID;
"""
_COUNT = """
INSERT INTO type (name, events) VALUES (?, ?)
  ON CONFLICT (name) DO UPDATE SET events = events + excluded.events
"""
_PAGE = 512
#: Fewer positions than this are scanned sooner than they are looked up.
_FEW = 2048
#: Where more than one event in so many is wanted, all of them are read.
_SPARSE = 32


def _apply(connection: apsw.Connection, records: Sequence[Record]) -> None:
    counts: dict[str, int] = {}
    for record in records:
        counts[record.type] = counts.get(record.type, 0) + 1
    connection.executemany(_COUNT, counts.items())
    types: list[Any] = connection.execute("SELECT name, number FROM type").fetchall()
    numbers: dict[str, int] = dict(types)
    connection.executemany(
        "INSERT INTO by_type VALUES (?, ?)", [(numbers[record.type], record.position) for record in records]
    )
    connection.executemany(
        "INSERT INTO by_correlation VALUES (?, ?)",
        [(record.correlation, record.position) for record in records],
    )
    connection.executemany(
        "INSERT INTO by_cause VALUES (?, ?)",
        [(record.cause, record.position) for record in records if record.cause is not None],
    )


INDEX = Projection(name="index", version=1, schema=_SCHEMA, types=None, apply=_apply)


class IndexedReader(Reader):
    """A reader that looks in the index, where there is one, and scans only what comes after it.

    What it gives is what a `Reader` gives. A `limit`, a `subject` and short stretches are read as ever.
    """

    def __init__(self, path: StrPath) -> None:
        """Open the journal, and the index if there is one. Raises JournalUnusable."""
        super().__init__(path)
        self._index = View(self, INDEX.name, INDEX.version)

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
        """As `Reader.read`; where few events are of these types or of this flow, they are looked up."""
        wanted = None if types is None else frozenset(types)
        head = self.head()
        last = head if until is None else min(until, head)
        if subject is None and last - after > _FEW:
            found = self._looked_up(after, last, wanted, correlation)
            if found is not None:
                return found if limit is None else islice(found, limit)
        return super().read(after, last, types=wanted, subject=subject, correlation=correlation, limit=limit)

    def caused_by(self, cause: int) -> Iterator[Record]:
        """The events that have the one at this position as their cause, in order."""
        lookup = _Lookup(self._index.position(), "cause", (cause,))
        found = self._indexed(lookup, cause, self.head(), None, None)
        return (record for record in found if record.cause == cause)

    def close(self) -> None:
        """Let go of the files. Calling it twice is calling it once."""
        self._index.close()
        super().close()

    def _looked_up(
        self, after: int, last: int, types: frozenset[str] | None, correlation: int | None
    ) -> Iterator[Record] | None:
        """The events by the index; None when a scan is as good."""
        # Before the types are: what was indexed until then has a type that is found now.
        until = self._index.position()
        if until <= after:
            return None
        if correlation is not None:
            lookup = _Lookup(until, "correlation", (correlation,))
            return self._indexed(lookup, after, last, types, correlation)
        numbers = None if types is None else self._numbers(types)
        return None if numbers is None else self._indexed(_Lookup(until, "type", numbers), after, last, types)

    def _numbers(self, types: frozenset[str]) -> tuple[int, ...] | None:
        """Of the types in the index; None when a scan is better."""
        rows: list[Any] = []
        try:
            if connection := self._index.connection():
                rows = connection.execute("SELECT number, name, events FROM type").fetchall()
        except apsw.Error:
            return None
        known = [(number, events) for number, name, events in rows if name in types]
        if sum(events for _, events in known) * _SPARSE > sum(events for _, _, events in rows):
            return None
        return tuple(number for number, _ in known)

    def _indexed(
        self,
        lookup: "_Lookup",
        after: int,
        last: int,
        types: frozenset[str] | None = None,
        correlation: int | None = None,
    ) -> Iterator[Record]:
        """The events that the index has, then those behind it; all of them when the index is spoiled."""
        until = min(last, lookup.until)
        while after < until:
            try:
                page = lookup.page(self._index.connection(), after, until)
            except apsw.Error:
                break
            for position in page:
                record = self.get(position)
                if record is not None and (types is None or record.type in types):
                    yield record
            after = page[-1] if len(page) == _PAGE else until
        yield from super().read(after, last, types=types, correlation=correlation)


class _Lookup(NamedTuple):
    """What to look up."""

    #: How far the index goes.
    until: int
    column: Literal["type", "correlation", "cause"]
    keys: tuple[int, ...]

    def page(self, connection: apsw.Connection | None, after: int, until: int) -> list[int]:
        """The next positions. Raises apsw.Error, also when the index has gone."""
        if connection is None:
            raise apsw.CantOpenError("the index has gone")
        if not self.keys:
            return []
        # A merge of ranges that are in order already: with IN, all of them would be sorted for each page.
        select = (
            f"SELECT position FROM by_{self.column}"  # noqa: S608 - one of three names
            f" WHERE {self.column} = ? AND position > ? AND position <= ?"
        )
        sql = " UNION ALL ".join([select] * len(self.keys)) + f" ORDER BY position LIMIT {_PAGE}"
        bindings = [value for key in self.keys for value in (key, after, until)]
        rows: list[Any] = connection.execute(sql, bindings).fetchall()
        return [position for (position,) in rows]
