"""Bringing a view up to date, and building it anew."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

import apsw

from ...domain.errors import ViewUnusable
from ..identity import StrPath
from ..reader import Reader
from . import checkpoint
from .boot import boot
from .connections import connect, transaction
from .files import Files
from .projection import Projection

#: Called with the position reached and the one to be reached.
Progress = Callable[[int, int], None]

_BATCH = 4096
#: A build that somebody else has switched away from under us is given up this often before it is an error.
_ATTEMPTS = 5
_DAMAGE = (apsw.NotADBError, apsw.CorruptError)


class Upkeep:
    """Keeps one view of a journal. For one thread; others, in other processes too, may be at the same view.

    A batch of events and the checkpoint behind it are one transaction, which begins by reading the
    checkpoint: so whoever comes second goes on from there, and a crash leaves the batch out.
    Methods raise ViewUnusable when the view cannot be written, JournalCorrupt and JournalUnusable when the
    journal cannot be read.
    """

    def __init__(self, journal: StrPath, projection: Projection, *, batch: int = _BATCH) -> None:
        """`batch`: events to a transaction. Raises JournalUnusable when there is no journal."""
        self._files = Files.beside(journal, projection.name, projection.version)
        self._projection = projection
        self._batch = batch
        self._reader = Reader(journal)
        self._build = 0
        self._connection: apsw.Connection | None = None
        #: The build that turned out to be damaged last.
        self._damaged = 0

    def catch_up(self, until: int | None = None, progress: Progress | None = None) -> int:
        """Bring the view to a position, or to the journal's head, and return where it is now.

        When there is none that can be trusted it is built, in a file of its own that serves once it is whole.
        One that has got further stays there.
        """
        position = 0
        for position, wanted in self.steps(until):
            if progress is not None:
                progress(position, wanted)
        return position

    def steps(self, until: int | None = None) -> Iterator[tuple[int, int]]:
        """`catch_up`, one transaction at a time: where it is, and where it is going."""
        for attempt in range(_ATTEMPTS):
            try:
                yield from self._steps(until)
                return
            except (apsw.Error, OSError) as error:
                # Whoever switches to another build removes this one; SQLite may stumble over that anywhere.
                removed = self._build not in self._files.builds()
                damaged = isinstance(error, _DAMAGE)
                if damaged:
                    self._damaged = self._build
                self._let_go()
                if not (removed or damaged) or attempt == _ATTEMPTS - 1:
                    raise self._unusable(error) from error

    def rebuild(self, progress: Progress | None = None) -> int:
        """Build the view anew while the present one serves, then switch; return where it is now.

        What interrupts it leaves nothing of the new one.
        """
        self._let_go()
        build = self._newest() + 1
        try:
            self._build, self._connection = build, self._made(build)
            position = 0
            for position, wanted in self._advance(self._connection, None):
                if progress is not None:
                    progress(position, wanted)
            self._serve()
        except BaseException as error:
            self._let_go()
            if self._files.live() < build:
                with suppress(OSError):
                    self._files.discard(build)
            if not isinstance(error, (apsw.Error, OSError)):
                raise
            if self._files.live() > build:  # somebody else's, of just now
                return self.catch_up(None, progress)
            raise self._unusable(error) from error
        return position

    def rest(self) -> None:
        """Bring what was written to the disk itself, so that the view can be trusted after a power cut."""
        if self._connection is None:
            return
        try:
            found = checkpoint.read(self._connection)
            if found is not None and found.boot:
                checkpoint.mark(self._connection, "")
        except (apsw.Error, OSError) as error:
            removed = self._build not in self._files.builds()
            self._let_go()
            if not removed:
                raise self._unusable(error) from error

    def close(self) -> None:
        """Let go of the files. Calling it twice is calling it once."""
        self._let_go()
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _steps(self, until: int | None) -> Iterator[tuple[int, int]]:
        serving = self._take_live()
        connection = serving or self._take_unfinished()
        yield from self._advance(connection, until)
        if serving is None:
            self._serve()

    def _take_live(self) -> apsw.Connection | None:
        """To the build that serves, when it can be trusted."""
        live = self._files.live()
        if self._connection is None or self._build != live:
            self._let_go()
            self._build, self._connection = live, self._opened(live) if live else None
            self._files.discard_older_versions()
        return self._connection

    def _take_unfinished(self) -> apsw.Connection:
        """To a build that somebody has begun and may be at, or a new one."""
        newest = self._newest()
        if newest > self._files.live():
            self._build, self._connection = newest, self._opened(newest)
            if self._connection is not None:
                return self._connection
        self._build = newest + 1
        self._connection = self._made(self._build)
        return self._connection

    def _newest(self) -> int:
        return max(self._files.live(), *self._files.builds(), 0)

    def _made(self, build: int) -> apsw.Connection:
        self._files.claim(build)
        connection = connect(self._files.path(build), writing=True)
        checkpoint.begin(connection, self._reader.journal_id, self._projection.schema)
        return connection

    def _opened(self, build: int) -> apsw.Connection | None:
        """To a build, if it can be trusted."""
        if build == self._damaged:
            return None
        connection = None
        try:
            connection = connect(self._files.path(build), writing=True)
            found = checkpoint.read(connection)
            if found is not None and found.holds(self._reader):
                return connection
        except (*_DAMAGE, apsw.CantOpenError, apsw.SQLError):
            pass
        if connection is not None:
            connection.close()
        return None

    def _advance(self, connection: apsw.Connection, until: int | None) -> Iterator[tuple[int, int]]:
        head = self._reader.head()
        wanted = head if until is None else min(until, head)
        while True:
            position = self._advanced(connection, wanted)
            yield position, wanted
            if position >= wanted:
                return

    def _advanced(self, connection: apsw.Connection, wanted: int) -> int:
        """Where the view is after one more batch."""
        while True:
            with transaction(connection):
                found = checkpoint.read(connection)
                if found is None:
                    raise apsw.CorruptError("it has no checkpoint")
                if found.position >= wanted or found.boot == boot():
                    return self._taken(connection, found.position, wanted)
            checkpoint.mark(connection, boot())

    def _taken(self, connection: apsw.Connection, position: int, wanted: int) -> int:
        end = min(wanted, position + self._batch)
        if end <= position:
            return position
        self._projection.apply(
            connection, list(self._reader.read(position, end, types=self._projection.types))
        )
        checkpoint.move(connection, end, self._reader.leaf(end) or b"")
        return end

    def _serve(self) -> None:
        self.rest()
        self._files.switch(self._build)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._build = None, 0

    def _unusable(self, error: Exception) -> ViewUnusable:
        return ViewUnusable(path=self._files.link, problem=f"{type(error).__name__}: {error}")
