"""A projection that only lists positions: what is missing or twice shows at once; and journals for it."""

from collections.abc import Sequence
from pathlib import Path

import apsw

from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record
from bursar.eventstore.views.files import Files
from bursar.eventstore.views.projection import Projection
from bursar.eventstore.views.view import View

from ..eventstore.helpers import draft

#: A folder whose files reach no disk, where there is one: for many small journals that need no syncs.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - in a temporary folder of its own


def _apply(connection: apsw.Connection, records: Sequence[Record]) -> None:
    connection.executemany("INSERT INTO seen VALUES (?)", [(record.position,) for record in records])


LISTING = Projection(
    name="listing",
    version=1,
    schema="CREATE TABLE seen (position INTEGER PRIMARY KEY) STRICT",
    types=None,
    apply=_apply,
)


def grow(path: Path, events: int, mark: str = "") -> None:
    """Make a journal of single facts, or add to it; `mark` makes another history of it."""
    with Journal.open(path) as journal:
        here = journal.head
        batch = [
            draft(n, type_=f"T{n % 3}", data=f'{{"n":"{n}{mark}"}}')
            for n in range(here + 1, here + 1 + events)
        ]
        journal.append_now(batch, expected=here)


def files(path: Path, projection: Projection = LISTING) -> Files:
    """Those of the view."""
    return Files.beside(path, projection.name, projection.version)


def told(path: Path, projection: Projection = LISTING) -> list[int] | None:
    """What a reader of the view sees; None when there is no view for it."""
    with Reader(path) as reader:
        view = View(reader, projection.name, projection.version)
        connection = view.connection()
        if connection is None:
            return None
        try:
            rows = connection.execute("SELECT position FROM seen ORDER BY position").fetchall()
            seen = [int(str(position)) for (position,) in rows]
            assert view.position() <= reader.head()
            if projection.types is None:
                assert seen == list(range(1, view.position() + 1))
            return seen
        finally:
            view.close()
