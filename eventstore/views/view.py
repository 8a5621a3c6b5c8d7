"""Reading a view."""

import time

import apsw

from ...domain.errors import ViewBehind
from ..reader import Reader
from . import checkpoint
from .connections import connect
from .files import Files

_POLL_S = 0.005


class View:
    """A view of a journal, for one thread, as it is now: others build it, switch it and remove it meanwhile.

    It is behind its journal, never ahead of it; what is not there yet is in the journal after `position`.
    """

    def __init__(self, reader: Reader, name: str, version: int) -> None:
        """`reader`: of the journal; it says whether the view is of that journal."""
        self.files = Files.beside(reader.path, name, version)
        self._reader = reader
        self._build = 0
        self._connection: apsw.Connection | None = None

    def connection(self) -> apsw.Connection | None:
        """To the view that serves, for reading; None when there is none that can be trusted.

        Ask again for every query, which may raise apsw.Error: the view is a file that anybody may spoil.
        """
        build = self.files.live()
        if build != self._build:
            self.close()
            self._connection = self._opened(build)
            self._build = build
        return self._connection

    def position(self) -> int:
        """How far it has got; 0 when there is none."""
        connection = self.connection()
        if connection is None:
            return 0
        try:
            found = checkpoint.read(connection)
        except apsw.Error:
            self.close()
            return 0
        return found.position if found else 0

    def wait_for(self, position: int, timeout_s: float) -> None:
        """Wait until it has got as far as a position, such as one just written. Raises ViewBehind."""
        deadline = time.monotonic() + timeout_s
        while (found := self.position()) < position:
            if time.monotonic() >= deadline:
                view = f"{self.files.name}@{self.files.version}"
                raise ViewBehind(view=view, position=found, wanted=position, seconds=timeout_s)
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Let go of the file; it is opened again when it is asked for."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._build = None, 0

    def _opened(self, build: int) -> apsw.Connection | None:
        if not build:
            return None
        try:
            return self._trusted(self.files.path(build))
        except apsw.ReadOnlyError:
            pass  # somebody was killed while writing, and who only reads cannot undo what is half there
        except apsw.Error:
            return None
        try:
            connect(self.files.path(build), writing=True).close()
            return self._trusted(self.files.path(build))
        except apsw.Error:
            return None

    def _trusted(self, path: str) -> apsw.Connection | None:
        connection = connect(path, writing=False)
        try:
            found = checkpoint.read(connection)
            if found is not None and found.holds(self._reader):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None
