"""The life of a model, declared once with `transitions`; everything else is derived from that declaration.

    absent → loading → ready → draining → unloading → absent
    loading → failed → (cool-down) → absent        draining → ready (the load that displaced it is off)
    unloading → ready (the provider refused)       any → lost (it vanished without us) → absent
    unloading → sleeping → loading → ready         ready ⇄ sleeping (by somebody else's hand)
    absent → ready (assumed: its provider cannot load models)
    absent | failed | loading | unloading → ready | sleeping (found in memory)

The kernel asks `TABLE`, a dict; a trigger call of the library costs a hundred times as much.
"""

from enum import StrEnum
from typing import TypedDict

from transitions import Machine


class ModelState(StrEnum):
    """Where a model is in its life."""

    #: It is not in memory.
    ABSENT = "absent"
    #: The provider has been asked to load it; its memory counts already.
    LOADING = "loading"
    #: It serves.
    READY = "ready"
    #: It serves whom it serves and takes nobody new.
    DRAINING = "draining"
    #: The provider has been asked to unload it; its memory still counts.
    UNLOADING = "unloading"
    #: It could not be loaded, and is not tried again before its cool-down is over.
    FAILED = "failed"
    #: It is in memory, but must be woken before it serves.
    SLEEPING = "sleeping"
    #: It vanished without us.
    LOST = "lost"


#: States in which a model takes memory.
RESIDENT = (
    ModelState.LOADING,
    ModelState.READY,
    ModelState.DRAINING,
    ModelState.UNLOADING,
    ModelState.SLEEPING,
)
#: States from which it is loaded or woken.
LOADABLE = (ModelState.ABSENT, ModelState.SLEEPING)
#: States in which a model takes memory and will give it back by itself.
LEAVING = (ModelState.DRAINING, ModelState.UNLOADING)


class Edge(TypedDict):
    """One transition, in the form the library takes."""

    trigger: str
    source: list[ModelState]
    dest: ModelState


#: Triggers are the names of the events that cause them.
EDGES: list[Edge] = [
    {"trigger": "ModelLoadStarted", "source": list(LOADABLE), "dest": ModelState.LOADING},
    {"trigger": "ModelLoaded", "source": [ModelState.LOADING], "dest": ModelState.READY},
    {"trigger": "ModelLoadFailed", "source": [ModelState.LOADING], "dest": ModelState.FAILED},
    {"trigger": "ModelCooledDown", "source": [ModelState.FAILED], "dest": ModelState.ABSENT},
    {
        "trigger": "ModelDrainStarted",
        "source": [ModelState.READY, ModelState.SLEEPING],
        "dest": ModelState.DRAINING,
    },
    {"trigger": "ModelDrainCancelled", "source": [ModelState.DRAINING], "dest": ModelState.READY},
    {"trigger": "ModelUnloadStarted", "source": [ModelState.DRAINING], "dest": ModelState.UNLOADING},
    {"trigger": "ModelUnloaded", "source": [ModelState.UNLOADING], "dest": ModelState.ABSENT},
    {"trigger": "ModelUnloadFailed", "source": [ModelState.UNLOADING], "dest": ModelState.READY},
    {
        "trigger": "ModelSlept",
        "source": [state for state in ModelState if state not in (ModelState.SLEEPING, ModelState.LOST)],
        "dest": ModelState.SLEEPING,
    },
    {"trigger": "ModelWoken", "source": [ModelState.LOADING, ModelState.SLEEPING], "dest": ModelState.READY},
    {"trigger": "ModelWakeFailed", "source": [ModelState.LOADING], "dest": ModelState.SLEEPING},
    {"trigger": "ResidencyAssumed", "source": [ModelState.ABSENT], "dest": ModelState.READY},
    {"trigger": "ModelLost", "source": list(RESIDENT), "dest": ModelState.LOST},
    {"trigger": "ModelWrittenOff", "source": [ModelState.LOST], "dest": ModelState.ABSENT},
    {
        "trigger": "ModelFound",
        "source": [ModelState.ABSENT, ModelState.LOADING, ModelState.FAILED, ModelState.UNLOADING],
        "dest": ModelState.READY,
    },
]


class IllegalTransition(Exception):
    """An event asks for an edge that the machine does not have: the journal and the rules disagree."""


def machine() -> Machine:
    """The library's own machine: source of the table, of the diagrams, and oracle of the tests."""
    return Machine(
        model=None,
        states=list(ModelState),
        transitions=EDGES,
        initial=ModelState.ABSENT,
        auto_transitions=False,
    )


def _derive_table() -> dict[tuple[ModelState, str], ModelState]:
    return {
        (ModelState[str(transition.source)], trigger): ModelState[str(transition.dest)]
        for trigger, event in machine().events.items()
        for transitions in event.transitions.values()
        for transition in transitions
    }


#: (state, name of the event) to the state after it.
TABLE = _derive_table()


def after(model: str, state: ModelState, trigger: str) -> ModelState:
    """The state after an event, or `IllegalTransition`."""
    try:
        return TABLE[state, trigger]
    except KeyError:
        raise IllegalTransition(f"{model} is {state}: {trigger} is not possible") from None
