"""Following a journal from a position on: what is recorded, then what is committed, in order and once.

Nothing waits in memory: what has been committed is read from the file when somebody wants it, however late.
"""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH116
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple, Self

from ..domain.errors import JournalUnusable
from .identity import StrPath, resolve
from .port import EventReader
from .reader import Reader
from .records import Record

#: How often another process's commits are looked for.
POLL_S = 0.02
#: Positions that are looked at together: all that is in memory, and what a turn of an event loop may take.
_SPAN = 512


class Interest(NamedTuple):
    """Which events somebody wants; None for any."""

    types: tuple[str, ...] | None = None
    subject: str | None = None
    correlation: int | None = None


ALL = Interest()


class Trail:
    """Where somebody stands who follows a journal; for one thread."""

    @classmethod
    def beside(cls, path: StrPath, after: int, interest: Interest) -> Self:
        """Stand behind a position of the journal in this file. Raises JournalUnusable."""
        resolved = resolve(path)
        # The file before it is opened: one that takes its place meanwhile is not taken for it.
        file = _file(resolved)
        return cls(Reader(resolved), after, interest, lambda: _file(resolved) == file, resolved)

    def __init__(
        self,
        reader: EventReader,
        after: int,
        interest: Interest,
        unmoved: Callable[[], bool] = lambda: True,
        path: str = "the store",
    ) -> None:
        """Stand behind a position. `unmoved` says whether the reader still reads what has the name `path`."""
        #: Everything up to here has been looked at.
        self.position = after
        self._reader = reader
        self._interest = interest
        self._unmoved = unmoved
        self._path = path
        self._head = 0

    def behind(self) -> bool:
        """Whether something has been committed that was not looked at; costs microseconds.

        Raises JournalUnusable when the file has been removed, or another has taken its place.
        """
        head = self._reader.head()
        if not self._unmoved():
            problem = "it was removed or replaced while it was being followed; open it again"
            raise JournalUnusable(path=self._path, problem=problem)
        self._head = head
        return head > self.position

    def span(self) -> Iterator[Record]:
        """The next events, of some hundred positions that `behind` has seen; the position goes with them.

        Raises JournalCorrupt where one cannot be read.
        """
        until = min(self._head, self.position + _SPAN)
        for record in self._reader.read(self.position, until, **self._interest._asdict()):
            self.position = record.position
            yield record
        self.position = max(self.position, until)

    def close(self) -> None:
        """Let go of the file. Calling it twice is calling it once."""
        self._reader.close()


def follow(
    path: StrPath,
    after: int = 0,
    interest: Interest = ALL,
    *,
    pause: Callable[[], object] = lambda: time.sleep(POLL_S),
) -> Iterator[Record]:
    """The events after a position: the recorded ones, then the others as any process commits them, for ever.

    For threads that may block; `Subscription` is for event loops. `pause` is called whenever all has been
    given, and what it raises ends it.
    Raises JournalUnusable, also when the file is removed or replaced, and JournalCorrupt.
    """
    with closing(Trail.beside(path, after, interest)) as trail:
        while True:
            while trail.behind():
                yield from trail.span()
            pause()


def _file(path: str) -> tuple[int, int] | None:
    """Which file has the name; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
