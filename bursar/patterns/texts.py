"""Where the texts of patterns are: beside the journal, each under a subject of its own."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from ..contexts.vault import Shelf
from ..domain.errors import NoSuchBody, NoSuchSubject


class Stored(NamedTuple):
    """A pattern whose text is to be read."""

    name: str
    #: Of the event that names the address of its text.
    position: int
    #: Where that event may not have been written yet.
    address: str | None


def put(name: str, text: bytes, shelf: Shelf) -> str:
    """Keep a text; its address. Raises BodyTooLarge, BodiesUnusable."""
    return shelf.bodies.put(_subject(name), text)


def read(one: Stored, shelf: Shelf) -> bytes:
    """A text. Raises NoSuchBody, BodyForgotten, BodyCorrupt."""
    address = one.address
    if address is None:
        record = shelf.reader.get(one.position)
        if record is None or record.data is None:
            raise NoSuchBody(address=f"of event {one.position}")
        address = str(json.loads(record.data)["address"])
    return shelf.bodies.get(_subject(one.name), address)


def delete(name: str, shelf: Shelf) -> None:
    """Destroy all texts that were stored under a name. What an interrupted call left the next one does."""
    with suppress(NoSuchSubject):
        shelf.bodies.forget(_subject(name))


def note(names: Iterable[str], position: int, shelf: Shelf) -> None:
    """The journal says at a position that they were deleted."""
    for name in names:
        shelf.bodies.recorded(_subject(name), position)


def _subject(name: str) -> str:
    return f"pattern/{name}"
