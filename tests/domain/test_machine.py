"""The table that the kernel asks is the machine that `transitions` was told of, edge for edge."""

import pytest
from transitions import Machine, MachineError

from bursar.domain.models.machine import (
    EDGES,
    LEAVING,
    RESIDENT,
    TABLE,
    IllegalTransition,
    ModelState,
    after,
)

TRIGGERS = sorted({edge["trigger"] for edge in EDGES})


class _Subject:
    """Something the library can move."""

    state: str


def _moved(state: ModelState, trigger: str) -> ModelState | None:
    """Where the library's machine goes; None when it refuses."""
    subject = _Subject()
    machine = Machine(
        model=subject, states=list(ModelState), transitions=EDGES, initial=state, auto_transitions=False
    )
    try:
        machine.events[trigger].trigger(subject)
    except MachineError:
        return None
    return ModelState(str(subject.state).removeprefix("ModelState.").lower())


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("state", ModelState)
def test_the_table_has_exactly_the_edges_of_the_machine(state: ModelState, trigger: str) -> None:
    assert TABLE.get((state, trigger)) == _moved(state, trigger)


def test_an_edge_the_machine_does_not_have_is_illegal() -> None:
    with pytest.raises(IllegalTransition, match="a is absent: ModelLoaded is not possible"):
        after("a", ModelState.ABSENT, "ModelLoaded")
    assert after("a", ModelState.ABSENT, "ModelLoadStarted") is ModelState.LOADING


def test_every_state_can_be_left_and_leads_back_to_absent() -> None:
    for state in ModelState:
        reached = {state}
        while more := {into for (source, _), into in TABLE.items() if source in reached} - reached:
            reached |= more
        assert ModelState.ABSENT in reached


def test_what_takes_memory_can_vanish_and_what_leaves_takes_memory() -> None:
    assert {state for state, trigger in TABLE if trigger == "ModelLost"} == set(RESIDENT)
    assert set(LEAVING) < set(RESIDENT)
