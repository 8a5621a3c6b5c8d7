"""What was erased changes nothing in the state: it was not folded from any of it."""

from collections.abc import Callable

from ..events import Body, Event
from ..state import State
from . import events as e


def _unchanged(state: State, _body: Body, _event: Event) -> State:
    return state


EVOLVE: dict[type[Body], Callable[..., State]] = {
    e.SubjectForgotten: _unchanged,
    e.EventRedacted: _unchanged,
    e.Redacted: _unchanged,
}
