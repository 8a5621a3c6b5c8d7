"""Which views there are of a journal, and how they stand."""

from contextlib import closing
from typing import Literal, NamedTuple

import apsw

from ..reader import Reader
from . import checkpoint
from .connections import connect
from .files import Files, folder_of, listed
from .view import View


class Standing(NamedTuple):
    """A view."""

    name: str
    version: int
    #: Whether it can be asked, is built for the first time, or will be built anew because it is not of this
    #: journal as it is.
    state: Literal["serving", "building", "distrusted"]
    #: How far it has got, and how far that is behind the journal.
    position: int
    lag: int
    #: With what is being built.
    size_bytes: int


def survey(reader: Reader) -> list[Standing]:
    """All of them, by name and version."""
    return [_standing(reader, files) for files in listed(folder_of(reader.path))]


def _standing(reader: Reader, files: Files) -> Standing:
    state: Literal["serving", "building", "distrusted"] = "distrusted"
    position = 0
    with closing(View(reader, files.name, files.version)) as view:
        if view.connection() is not None:
            state, position = "serving", view.position()
        elif not files.live():
            state, position = "building", _reached(files)
    return Standing(
        files.name, files.version, state, position, max(0, reader.head() - position), files.size_bytes()
    )


def _reached(files: Files) -> int:
    try:
        with closing(connect(files.path(files.builds()[-1]), writing=False)) as connection:
            found = checkpoint.read(connection)
    except (apsw.Error, IndexError):
        return 0
    return found.position if found else 0
