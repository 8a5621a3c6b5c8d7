"""Folding the journal again, and comparing what comes out with what the live process had."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from ..domain.errors import JournalCorrupt, NoSuchPosition
from ..domain.events import Event
from ..domain.host.events import StateDigested
from ..domain.kernel import evolve, initial
from ..domain.models.machine import IllegalTransition
from ..domain.registry import UnknownEvent
from ..domain.state import State
from ..eventstore.reader import Reader
from .history import digest, to_event

#: Called now and then with the position reached and the last one.
Progress = Callable[[int, int], None]

_PROGRESS_EVERY = 1024
#: What folding raises when the events cannot have happened in their order.
FOLD_ERRORS = (IllegalTransition, LookupError, ValueError, TypeError, AttributeError, AssertionError)


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
    state, compared, difference = initial(), 0, None
    for event in checked_events(reader, until, progress):
        if isinstance(event.body, StateDigested):
            compared += 1
            replayed = digest(state)
            if difference is None and replayed != event.body.digest:
                difference = Difference(event.position, event.body.digest, replayed)
        state = evolved(reader, state, event)
    return Replay(state, compared, difference)


def state_at(
    reader: Reader, position: int, start: State | None = None, progress: Progress | None = None
) -> State:
    """The state after the event at a position (0: before the first), folded on from an earlier one."""
    state = start or initial()
    for event in checked_events(reader, position, progress, after=state.position):
        state = evolved(reader, state, event)
    return state


def checked_events(
    reader: Reader, until: int | None, progress: Progress | None, after: int = 0
) -> Iterator[Event]:
    """The events up to a position. Raises NoSuchPosition, and JournalCorrupt for an event it cannot read."""
    head = reader.head()
    last = head if until is None else until
    if not 0 <= last <= head:
        raise NoSuchPosition(position=last, head=head)
    for record in reader.read(after=after, until=last):
        if progress is not None and (record.position % _PROGRESS_EVERY == 0 or record.position == last):
            progress(record.position, last)
        try:
            event = to_event(record)
        except (UnknownEvent, ValidationError) as error:
            raise _corrupt(reader, record.position, error) from error
        yield event


def evolved(reader: Reader, state: State, event: Event) -> State:
    """The state after an event. Raises JournalCorrupt when it cannot have happened in that state."""
    try:
        return evolve(state, event)
    except FOLD_ERRORS as error:
        raise _corrupt(reader, event.position, error) from error


def _corrupt(reader: Reader, position: int, error: Exception) -> JournalCorrupt:
    problem = f"its event cannot be folded ({type(error).__name__}: {error})"
    return JournalCorrupt(path=reader.path, position=position, problem=problem)
