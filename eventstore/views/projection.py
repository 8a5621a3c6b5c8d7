"""What a view is made by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw

from ..records import Record


@dataclass(frozen=True, slots=True)
class Projection:
    """A fold of a journal into tables."""

    #: Small letters, digits, - and _.
    name: str
    #: Another one whenever the same events would make other tables.
    version: int
    #: The statements that make the empty tables.
    schema: str
    #: The types of event it is interested in; None for all.
    types: tuple[str, ...] | None
    #: Takes the next events of those types into the tables. It is called within a transaction that it leaves
    #: open, and must depend on nothing but the tables and the events.
    apply: Callable[[apsw.Connection, Sequence[Record]], None]
