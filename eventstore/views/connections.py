"""Connections to the files of views."""

from collections.abc import Generator
from contextlib import contextmanager

import apsw

_BUSY_MS = 5000
_WRITING: dict[str, str | int] = {"journal_mode": "delete", "synchronous": 0, "cache_size": -16_000}
_READING: dict[str, str | int] = {"query_only": 1}
_EVERYWHERE: dict[str, str | int] = {"mmap_size": 0, "trusted_schema": 0, "cell_size_check": 1}


def connect(path: str, *, writing: bool) -> apsw.Connection:
    """Open a view's file, which must be there. Raises apsw.Error."""
    flags = apsw.SQLITE_OPEN_READWRITE if writing else apsw.SQLITE_OPEN_READONLY
    connection = apsw.Connection(path, flags=flags | apsw.SQLITE_OPEN_NOFOLLOW)
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        for name, value in {**_EVERYWHERE, **(_WRITING if writing else _READING)}.items():
            connection.pragma(name, value)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: apsw.Connection) -> Generator[None]:
    """All or nothing, and nobody else's writing in between. Raises apsw.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
