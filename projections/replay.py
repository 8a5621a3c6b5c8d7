"""Folding the journal again, and comparing what comes out with what the live process had."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..domain.errors import JournalCorrupt, NoSuchPosition
from ..domain.folding import Folder, Row
from ..domain.host.events import StateDigested
from ..domain.kernel import initial
from ..domain.models.machine import IllegalTransition
from ..domain.registry import UnknownEvent, decode
from ..domain.state import State
from ..eventstore.reader import Reader
from .history import Digests

#: Called now and then with the position reached and the last one.
Progress = Callable[[int, int], None]

_PROGRESS_EVERY = 1024
#: What folding raises when the events cannot have happened in their order.
FOLD_ERRORS = (IllegalTransition, LookupError, ValueError, TypeError, AttributeError, AssertionError)
#: What folding a journal's rows raises: those, or an event cannot be read (pydantic's error is a ValueError).
UNFOLDABLE = (UnknownEvent, *FOLD_ERRORS)


@dataclass(frozen=True, slots=True)
class Difference:
    """A digest that the live process recorded and the replay does not come to."""

    #: Of the recorded digest, which is of the state before that event.
    position: int
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay came to."""

    state: State
    #: Recorded digests that were compared.
    compared: int
    #: The first that differs; the ones after it say nothing new.
    difference: Difference | None

    @property
    def equal(self) -> bool:
        """Whether the replayed state was the live one wherever that can be told."""
        return self.difference is None


def replay(reader: Reader, until: int | None = None, progress: Progress | None = None) -> Replay:
    """Fold from the first event to a position, comparing with every digest on the way.

    Raises NoSuchPosition, and JournalCorrupt for an event that cannot be read or cannot have happened there.
    """
    folding, digests, compared, difference = Folding(reader, initial()), Digests(), 0, None
    for row in rows(reader, until, progress):
        recorded = folding.digest_in(row)
        if recorded is not None:
            compared += 1
            replayed = digests.of(folding.state)
            if difference is None and replayed != recorded:
                difference = Difference(row[0], recorded, replayed)
        folding.fold(row)
    return Replay(folding.state, compared, difference)


def state_at(
    reader: Reader, position: int, start: State | None = None, progress: Progress | None = None
) -> State:
    """The state after the event at a position (0: before the first), folded on from an earlier one.

    Raises NoSuchPosition, JournalCorrupt.
    """
    folding = Folding(reader, start or initial())
    for row in rows(reader, position, progress, after=folding.state.position):
        folding.fold(row)
    return folding.state


def rows(reader: Reader, until: int | None, progress: Progress | None, after: int = 0) -> Iterator[Row]:
    """What is to be folded, up to a position. Raises NoSuchPosition."""
    head = reader.head()
    last = head if until is None else until
    if not 0 <= last <= head:
        raise NoSuchPosition(position=last, head=head)
    found = reader.rows(after, last)
    return found if progress is None else _reported(found, last, progress)


class Folding:
    """A fold of a reader's journal whose failures name the event."""

    def __init__(self, reader: Reader, state: State) -> None:
        self._reader = reader
        self._folder = Folder(state)

    @property
    def state(self) -> State:
        """The state after the last event."""
        return self._folder.state

    def fold(self, row: Row) -> None:
        """Fold one event. Raises JournalCorrupt when it cannot be read, or cannot have happened then."""
        try:
            self._folder.fold(row)
        except UNFOLDABLE as error:
            raise self._corrupt(row[0], error) from error

    def digest_in(self, row: Row) -> str | None:
        """The digest that an event records; None when it is another event. Raises JournalCorrupt."""
        position, _at, name, version, data = row
        if name != StateDigested.name or data is None:
            return None
        try:
            body = decode(name, version, data)
        except UNFOLDABLE as error:
            raise self._corrupt(position, error) from error
        return body.digest if isinstance(body, StateDigested) else None

    def _corrupt(self, position: int, error: Exception) -> JournalCorrupt:
        problem = f"its event cannot be folded ({type(error).__name__}: {error})"
        return JournalCorrupt(path=self._reader.path, position=position, problem=problem)


def _reported(found: Iterator[Row], last: int, progress: Progress) -> Iterator[Row]:
    for row in found:
        if row[0] % _PROGRESS_EVERY == 0 or row[0] == last:
            progress(row[0], last)
        yield row
