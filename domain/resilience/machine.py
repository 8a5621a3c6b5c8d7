"""The states of a breaker, declared once with `transitions`; the table is derived from that declaration.

    closed → open → half_open → recovering → closed      half_open → open, recovering → open (it failed again)
    any → forced_open | disabled | metrics_only | closed (an operator, or the settings)

The edges are resilience4j's (`CircuitBreaker.StateTransition`), and those of `recovering`, which it lacks.
"""

from enum import StrEnum
from typing import TypedDict

from transitions import Machine


class BreakerState(StrEnum):
    """What a breaker lets pass."""

    #: Everything passes, and is counted.
    CLOSED = "closed"
    #: Too much failed: nothing passes until the wait is over.
    OPEN = "open"
    #: A few calls pass, to find out.
    HALF_OPEN = "half_open"
    #: Those succeeded: step by step more may pass at once.
    RECOVERING = "recovering"
    #: An operator wants that nothing passes.
    FORCED_OPEN = "forced_open"
    #: Everything passes, and nothing is counted.
    DISABLED = "disabled"
    #: Everything passes; it is written down when the breaker would have opened.
    METRICS_ONLY = "metrics_only"


#: States in which no call is made.
REFUSING = (BreakerState.OPEN, BreakerState.FORCED_OPEN)
#: States that no call leads to: an operator or the settings want them.
BY_HAND = (BreakerState.FORCED_OPEN, BreakerState.DISABLED, BreakerState.METRICS_ONLY)
#: States in which calls are counted.
COUNTING = (
    BreakerState.CLOSED,
    BreakerState.HALF_OPEN,
    BreakerState.RECOVERING,
    BreakerState.METRICS_ONLY,
)


class Edge(TypedDict):
    """One transition, in the form the library takes."""

    trigger: str
    source: list[BreakerState]
    dest: BreakerState


_OPENS: list[BreakerState] = [state for state in BreakerState if state is not BreakerState.METRICS_ONLY]
_HALF_OPENS = [
    BreakerState.HALF_OPEN,
    BreakerState.OPEN,
    BreakerState.FORCED_OPEN,
    BreakerState.DISABLED,
]

#: A trigger is called as the state it leads to: every transition is a `BreakerChanged` that names it.
EDGES: list[Edge] = [
    {"trigger": "closed", "source": list(BreakerState), "dest": BreakerState.CLOSED},
    {"trigger": "open", "source": _OPENS, "dest": BreakerState.OPEN},
    {"trigger": "half_open", "source": _HALF_OPENS, "dest": BreakerState.HALF_OPEN},
    {"trigger": "recovering", "source": [BreakerState.HALF_OPEN], "dest": BreakerState.RECOVERING},
    {"trigger": "forced_open", "source": list(BreakerState), "dest": BreakerState.FORCED_OPEN},
    {"trigger": "disabled", "source": list(BreakerState), "dest": BreakerState.DISABLED},
    {"trigger": "metrics_only", "source": list(BreakerState), "dest": BreakerState.METRICS_ONLY},
]


class IllegalBreakerTransition(Exception):
    """An event asks for an edge that the machine does not have: the journal and the rules disagree."""


def machine() -> Machine:
    """The library's own machine: source of the table, of the diagrams, and oracle of the tests."""
    return Machine(
        model=None,
        states=list(BreakerState),
        transitions=EDGES,
        initial=BreakerState.CLOSED,
        auto_transitions=False,
    )


def _derive_table() -> dict[tuple[BreakerState, str], BreakerState]:
    return {
        (BreakerState[str(transition.source)], trigger): BreakerState[str(transition.dest)]
        for trigger, event in machine().events.items()
        for transitions in event.transitions.values()
        for transition in transitions
    }


#: (state, name of the next) to the next.
TABLE = _derive_table()


def after(provider: str, state: BreakerState, trigger: str) -> BreakerState:
    """The next state, or `IllegalBreakerTransition`."""
    try:
        return TABLE[state, trigger]
    except KeyError:
        raise IllegalBreakerTransition(
            f"the breaker of {provider} is {state}: it cannot become {trigger}"
        ) from None
