"""What a journal must hold, known without reading it back from the disk that is under test."""

import json
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Self

from bursar.eventstore.merkle import Frontier
from bursar.eventstore.records import Leaf, Record
from bursar.eventstore.recovery import leaf_of

#: A row of the table `event`, of `command`: all their columns in their order.
Row = tuple[Any, ...]
EVENTS = (
    f"SELECT {', '.join((*Record._fields, *Leaf._fields))} FROM event WHERE position > ? ORDER BY position"
)
COMMANDS = "SELECT id, fingerprint, first, last FROM command WHERE last > ? ORDER BY last"


@dataclass(slots=True)
class Truth:
    """One history. Rows are only ever added at its end."""

    rows: list[Row] = field(default_factory=list[Row])
    #: Last positions of the batches, in order; 0 is one.
    ends: list[int] = field(default_factory=lambda: [0])
    commands: list[Row] = field(default_factory=list[Row])
    _frontiers: dict[int, Frontier] = field(default_factory=dict[int, Frontier])

    @property
    def head(self) -> int:
        """Last position."""
        return len(self.rows)

    def add(self, rows: "list[Row]") -> None:
        """Events were committed. What ends a batch says so in its data."""
        self.rows += rows
        self.ends += [row[0] for row in rows if row[9] is None or json.loads(row[9])["left"] == 0]

    def until(self, head: int) -> Self:
        """The history that ends there."""
        ends = self.ends[: bisect_right(self.ends, head)]
        commands = [row for row in self.commands if row[3] <= head]
        return type(self)(self.rows[:head], ends, commands)

    def ends_at(self, head: int) -> bool:
        """Whether a batch ends at this position, so that none is torn there."""
        at = bisect_right(self.ends, head)
        return self.ends[at - 1] == head

    def frontier(self, size: int) -> Frontier:
        """The tree over the first so many leaves, hashed here from what the events say."""
        found = self._frontiers.get(size)
        if found is None:
            start = max((known for known in self._frontiers if known < size), default=0)
            found = self._frontiers[start].copy() if start else Frontier()
            found.extend(_leaf(row) for row in self.rows[start:size])
            self._frontiers[size] = found
        return found


def _leaf(row: Row) -> bytes:
    """The leaf that the event hashes to: another one than is beside it makes another tree."""
    *fields, salt, hashed, leaf = row
    return leaf_of(Record._make(fields), Leaf(salt, hashed, leaf)) or b""
