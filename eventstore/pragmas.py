"""Pragmas, read back: SQLite says nothing when it does not do as it is told."""

from collections.abc import Mapping

import apsw


def set_pragmas(connection: apsw.Connection, pragmas: Mapping[str, str | int]) -> str | None:
    """Set them in order; what SQLite keeps otherwise, as a clause, or None. Raises apsw.Error."""
    for name, value in pragmas.items():
        connection.pragma(name, value)
        if (found := connection.pragma(name)) != value:
            return f"SQLite keeps {name} at {found!r} instead of {value!r}"
    return None
