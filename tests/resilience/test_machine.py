"""The breaker's machine has resilience4j's transitions, and those through `recovering`."""

import pytest
from transitions import Machine, MachineError

from bursar.domain.resilience.machine import EDGES, TABLE, BreakerState, IllegalBreakerTransition, after

#: `CircuitBreaker.StateTransition` of resilience4j, in its order
#: (github.com/resilience4j/resilience4j at af9e7c979f17804f23cc1b76dd7cf268fb58b5c7, CircuitBreaker.java).
RESILIENCE4J = """
    CLOSED_TO_CLOSED CLOSED_TO_OPEN CLOSED_TO_DISABLED CLOSED_TO_METRICS_ONLY CLOSED_TO_FORCED_OPEN
    HALF_OPEN_TO_HALF_OPEN HALF_OPEN_TO_CLOSED HALF_OPEN_TO_OPEN HALF_OPEN_TO_DISABLED
    HALF_OPEN_TO_METRICS_ONLY HALF_OPEN_TO_FORCED_OPEN
    OPEN_TO_OPEN OPEN_TO_CLOSED OPEN_TO_HALF_OPEN OPEN_TO_DISABLED OPEN_TO_METRICS_ONLY OPEN_TO_FORCED_OPEN
    FORCED_OPEN_TO_FORCED_OPEN FORCED_OPEN_TO_CLOSED FORCED_OPEN_TO_OPEN FORCED_OPEN_TO_DISABLED
    FORCED_OPEN_TO_METRICS_ONLY FORCED_OPEN_TO_HALF_OPEN
    DISABLED_TO_DISABLED DISABLED_TO_CLOSED DISABLED_TO_OPEN DISABLED_TO_FORCED_OPEN DISABLED_TO_HALF_OPEN
    DISABLED_TO_METRICS_ONLY
    METRICS_ONLY_TO_METRICS_ONLY METRICS_ONLY_TO_CLOSED METRICS_ONLY_TO_FORCED_OPEN METRICS_ONLY_TO_DISABLED
"""
#: Ours: what the ramp after the probes needs.
OURS = """
    HALF_OPEN_TO_RECOVERING RECOVERING_TO_CLOSED RECOVERING_TO_OPEN RECOVERING_TO_FORCED_OPEN
    RECOVERING_TO_DISABLED RECOVERING_TO_METRICS_ONLY
"""


def _read(transitions: str) -> set[tuple[BreakerState, BreakerState]]:
    pairs = [name.split("_TO_") for name in transitions.split()]
    return {(BreakerState[before], BreakerState[into]) for before, into in pairs}


LEGAL = _read(RESILIENCE4J) | _read(OURS)


class _Subject:
    """Something the library can move."""

    state: str


def test_the_list_is_complete() -> None:
    assert len(_read(RESILIENCE4J)) == 33


def test_the_transitions_are_resilience4js_and_those_through_recovering() -> None:
    assert {(before, into) for (before, _trigger), into in TABLE.items()} == LEGAL


@pytest.mark.parametrize("trigger", [state.value for state in BreakerState])
@pytest.mark.parametrize("state", BreakerState)
def test_the_table_has_exactly_the_edges_of_the_librarys_machine(state: BreakerState, trigger: str) -> None:
    subject = _Subject()
    machine = Machine(
        model=subject, states=list(BreakerState), transitions=EDGES, initial=state, auto_transitions=False
    )
    try:
        machine.events[trigger].trigger(subject)
    except MachineError:
        assert (state, trigger) not in TABLE
    else:
        assert TABLE[state, trigger] is BreakerState(trigger)


def test_an_edge_that_the_machine_does_not_have_is_illegal() -> None:
    with pytest.raises(
        IllegalBreakerTransition, match="the breaker of p is metrics_only: it cannot become open"
    ):
        after("p", BreakerState.METRICS_ONLY, "open")
