"""Deleting bodies: a subject's, those that no event names, those whose time is over."""

from typing import Any, NamedTuple

import apsw

from ...domain.errors import BodiesUnusable
from .databases import transaction, unusable

#: Rows deleted in one commit: whoever puts in another process waits for no more.
_BATCH = 1000

_EXTENT = """
SELECT coalesce(sum(bodies), 0), coalesce(sum(bytes), 0) FROM (
  SELECT count(*) AS bodies, sum(length(body)) AS bytes FROM blob WHERE owner = ?1
  UNION ALL SELECT sum(messages), sum(length(body)) FROM block WHERE owner = ?1
)
"""
#: What goes with a subject, in this order.
_OF_OWNER = (
    "DELETE FROM blob WHERE owner = ?",
    "DELETE FROM place WHERE block IN (SELECT id FROM block WHERE owner = ?)",
    "DELETE FROM block WHERE owner = ?",
    "DELETE FROM family WHERE owner = ?",
    "DELETE FROM dictionary WHERE owner = ?1 OR id IN (SELECT dictionary FROM lesson WHERE owner = ?1)",
    "DELETE FROM lesson WHERE owner = ? OR dictionary NOT IN (SELECT id FROM dictionary)",
)


class Swept(NamedTuple):
    """What was deleted."""

    bodies: int
    #: As they were stored.
    bytes: int


def extent(connection: apsw.Connection, owner: int) -> Swept:
    """What there is to delete; nothing where the file is damaged: the keys go all the same."""
    try:
        row: Any = connection.execute(_EXTENT, (owner,)).fetchone()
    except apsw.Error:
        return Swept(0, 0)
    return Swept._make(row)


def sweep_owner(connection: apsw.Connection, path: str, owner: int) -> None:
    """Delete all that a subject has, and empty the log, where it would stay. Raises BodiesUnusable."""
    with transaction(connection, path):
        for statement in _OF_OWNER:
            connection.execute(statement, (owner,))
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError as error:
        problem = (
            "the keys are destroyed, but somebody is reading the log, which cannot be emptied; "
            "forget again when nobody does"
        )
        raise BodiesUnusable(path=path, problem=problem) from error
    except apsw.Error as error:
        raise unusable(path, error) from error


def sweep(connection: apsw.Connection, path: str, until: int, kept: frozenset[bytes]) -> Swept:
    """Delete the bodies that were last put before a time, but for those at some addresses."""
    try:
        found = connection.execute("SELECT id, length(body), address FROM blob WHERE at < ?", (until,))
        doomed = [(id_, size) for id_, size, address in found if address not in kept]
    except apsw.Error as error:
        raise unusable(path, error) from error
    bodies = size = 0
    for first in range(0, len(doomed), _BATCH):
        with transaction(connection, path):
            for id_, length in doomed[first : first + _BATCH]:
                # Once more the time: it may have been put again meanwhile.
                connection.execute("DELETE FROM blob WHERE id = ? AND at < ?", (id_, until))
                gone = connection.changes()
                bodies, size = bodies + gone, size + gone * length
    return Swept(bodies, size)
