"""How far a view has got, kept in the view and committed with what it has got there by.

A view is written without waiting for the disk, so after a power cut it may hold anything. The checkpoint says
when that cannot be: before the first such write it is marked, on the disk itself, with the boot of the
machine, and the mark goes when all has reached the disk. A view with the mark of another boot is not trusted.
"""

from typing import NamedTuple

import apsw

from ..reader import Reader
from .boot import boot
from .connections import transaction

#: Of the table below, as `user_version`.
_LAYOUT = 1
_SCHEMA = """
CREATE TABLE checkpoint (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  journal_id BLOB    NOT NULL,
  position   INTEGER NOT NULL,
  leaf       BLOB    NOT NULL,  -- of the event at the position; empty before the first
  boot       TEXT    NOT NULL   -- of the machine while it is written; empty when all of it is on the disk
) STRICT;
CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint WHEN NEW.position < OLD.position
  BEGIN SELECT RAISE(ABORT, 'the checkpoint of a view does not go back'); END;
CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint
  BEGIN SELECT RAISE(ABORT, 'a view has a checkpoint'); END;
"""


class Checkpoint(NamedTuple):
    """Up to where the tables tell what the journal says, and of which journal."""

    journal_id: bytes
    position: int
    leaf: bytes
    boot: str

    def holds(self, reader: Reader) -> bool:
        """Whether the view is of this journal as it is, and has all that was written to it."""
        return (
            self.journal_id == reader.journal_id
            and self.boot in ("", boot())
            and (self.position == 0 or reader.leaf(self.position) == self.leaf)
        )


def begin(connection: apsw.Connection, journal_id: bytes, schema: str) -> None:
    """Make the empty tables of a view, unless they are there. Raises apsw.Error."""
    with transaction(connection):
        if not connection.pragma("user_version"):
            connection.execute(_SCHEMA)
            connection.execute("INSERT INTO checkpoint VALUES (1, ?, 0, x'', '')", (journal_id,))
            connection.execute(schema)
            connection.pragma("user_version", _LAYOUT)


def read(connection: apsw.Connection) -> Checkpoint | None:
    """What the view says of itself; None for one of another layout. Raises apsw.Error for a damaged one."""
    if connection.pragma("user_version") != _LAYOUT:
        return None
    row = connection.execute("SELECT journal_id, position, leaf, boot FROM checkpoint").fetchone()
    return None if row is None else Checkpoint(*row)


def move(connection: apsw.Connection, position: int, leaf: bytes) -> None:
    """Say that the view has got to a position. Raises apsw.Error."""
    connection.execute("UPDATE checkpoint SET position = ?, leaf = ?", (position, leaf))


def mark(connection: apsw.Connection, boot: str) -> None:
    """Change the mark, on the disk itself, with all that was written before. Raises apsw.Error."""
    connection.pragma("synchronous", 2)
    try:
        with transaction(connection):
            connection.execute("UPDATE checkpoint SET boot = ?", (boot,))
    finally:
        connection.pragma("synchronous", 0)
