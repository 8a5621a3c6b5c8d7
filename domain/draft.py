"""A step while it is being taken: the state as it becomes, and the decisions concluded so far."""

from collections.abc import Callable

from .events import Decision, Event
from .state import State

Evolve = Callable[[State, Event], State]


class Draft:
    """Collects the decisions of one step; every conclusion is visible to the rules that follow it."""

    def __init__(self, state: State, fact: Event, evolve: Evolve) -> None:
        self.fact = fact
        self.state = evolve(state, fact)
        self.decisions: list[Event] = []
        self._evolve = evolve

    def conclude(self, decision: Decision) -> int:
        """Take a decision; return the position it will have."""
        event = Event(
            position=self.state.position + 1,
            at=self.fact.at,
            cause=self.fact.position,
            correlation=self._flow(decision),
            actor="bursar",
            body=decision,
        )
        self.decisions.append(event)
        self.state = self._evolve(self.state, event)
        return event.position

    def _flow(self, decision: Decision) -> int:
        """The request a decision is for is the root of its flow; else the flow of the fact goes on."""
        request = getattr(decision, "request", None)
        return request if isinstance(request, int) else self.fact.correlation
