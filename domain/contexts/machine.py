"""The life of a context, declared once with `transitions`; everything else is derived from that declaration.

    active → compressing → active        active → caching → cached → restoring → active
    any but forgotten → closed           any → forgotten

A context that is being compressed takes messages all the same: what stands for the older ones is taken over
only if they still stand where they stood. One whose texts are being packed takes none: what is packed is what
it has.
"""

from enum import StrEnum

from transitions import Machine

from ..models.machine import IllegalTransition


class ContextState(StrEnum):
    """Where a context is in its life."""

    #: Messages are added, and it can be sent.
    ACTIVE = "active"
    #: A summary of its older messages is being made.
    COMPRESSING = "compressing"
    #: Its texts are being packed.
    CACHING = "caching"
    #: Its texts are packed, and none of them is held in memory.
    CACHED = "cached"
    #: Its texts are being unpacked.
    RESTORING = "restoring"
    #: Nothing is added any more; it can still be read.
    CLOSED = "closed"
    #: Its texts are gone for ever.
    FORGOTTEN = "forgotten"


_OPEN = [state for state in ContextState if state not in (ContextState.CLOSED, ContextState.FORGOTTEN)]

#: Triggers are the names of the events that cause them.
EDGES: list[dict[str, object]] = [
    {
        "trigger": "ContextCompressionStarted",
        "source": [ContextState.ACTIVE],
        "dest": ContextState.COMPRESSING,
    },
    {
        "trigger": "ContextCompressed",
        "source": [ContextState.COMPRESSING],
        "dest": ContextState.ACTIVE,
    },
    {
        "trigger": "CompressionDiscarded",
        "source": [ContextState.COMPRESSING],
        "dest": ContextState.ACTIVE,
    },
    {
        "trigger": "CompressionFailed",
        "source": [ContextState.COMPRESSING],
        "dest": ContextState.ACTIVE,
    },
    {"trigger": "ContextCacheStarted", "source": [ContextState.ACTIVE], "dest": ContextState.CACHING},
    {"trigger": "ModelCached", "source": [ContextState.CACHING], "dest": ContextState.CACHED},
    {"trigger": "ContextCacheFailed", "source": [ContextState.CACHING], "dest": ContextState.ACTIVE},
    {"trigger": "ContextRestoreStarted", "source": [ContextState.CACHED], "dest": ContextState.RESTORING},
    {"trigger": "ContextRestored", "source": [ContextState.RESTORING], "dest": ContextState.ACTIVE},
    {"trigger": "ContextRestoreFailed", "source": [ContextState.RESTORING], "dest": ContextState.CACHED},
    {"trigger": "ContextClosed", "source": _OPEN, "dest": ContextState.CLOSED},
    {
        "trigger": "ContextRetired",
        "source": [ContextState.ACTIVE, ContextState.CACHED],
        "dest": ContextState.CLOSED,
    },
    {
        "trigger": "ContextSettled",
        "source": [ContextState.COMPRESSING, ContextState.CACHING],
        "dest": ContextState.ACTIVE,
    },
    {"trigger": "ContextSettled", "source": [ContextState.RESTORING], "dest": ContextState.CACHED},
    {
        "trigger": "ContextForgotten",
        "source": [*_OPEN, ContextState.CLOSED],
        "dest": ContextState.FORGOTTEN,
    },
]


def machine() -> Machine:
    """The library's own machine: source of the table, of the diagrams, and oracle of the tests."""
    return Machine(
        model=None,
        states=list(ContextState),
        transitions=EDGES,
        initial=ContextState.ACTIVE,
        auto_transitions=False,
    )


def _derive_table() -> dict[tuple[ContextState, str], ContextState]:
    return {
        (ContextState[str(transition.source)], trigger): ContextState[str(transition.dest)]
        for trigger, event in machine().events.items()
        for transitions in event.transitions.values()
        for transition in transitions
    }


#: (state, name of the event) to the state after it.
TABLE = _derive_table()


def after(context: str, state: ContextState, trigger: str) -> ContextState:
    """The state after an event, or `IllegalTransition`."""
    try:
        return TABLE[state, trigger]
    except KeyError:
        raise IllegalTransition(f"context {context} is {state}: {trigger} is not possible") from None
