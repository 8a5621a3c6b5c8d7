"""`decide` says what follows, `evolve` folds it, and `step` is both at the next place in the journal."""

import dataclasses

import pytest

from bursar.domain.copying import replace
from bursar.domain.host.events import TimerFired
from bursar.domain.kernel import Origin, decide, evolve, initial, step
from bursar.domain.models.machine import IllegalTransition
from bursar.domain.state import State
from bursar.testing.facts import arrived, described, loaded, resident, running
from bursar.testing.specification import given


def test_deciding_changes_nothing() -> None:
    state = given(running(), described("a")).state
    taken = step(state, arrived("a"), at=state.at)
    assert decide(state, taken.fact) == taken.decisions
    assert state == given(running(), described("a")).state


def test_the_state_after_a_step_is_the_fold_of_its_events() -> None:
    state = given(running(), described("a")).state
    taken = step(state, arrived("a"), at=state.at)
    for event in taken.events:
        state = evolve(state, event)
    assert state == taken.state


def test_decisions_follow_the_fact_and_name_it_as_their_cause() -> None:
    state = given(running(), described("a")).state
    taken = step(state, arrived("a"), at=state.at, actor="ann")
    assert [event.position for event in taken.events] == [5, 6, 7]
    assert [event.cause for event in taken.events] == [None, 5, 5]
    assert [event.actor for event in taken.events] == ["ann", "bursar", "bursar"]


def test_a_decision_for_a_request_belongs_to_its_flow_and_another_to_that_of_the_fact() -> None:
    """One fact may serve several flows: the end of one lease is the grant of the next."""
    flow = given(running(), described("a", slots=2), arrived("a", "ann"), arrived("a", "bob"))
    ann, bob = flow.request("ann"), flow.request("bob")
    intent = flow.state.models["a"].intent
    assert intent is not None
    fact = loaded("a")(flow.state)
    taken = step(flow.state, fact, at=flow.now, origin=Origin(intent, ann))
    assert (taken.fact.cause, taken.fact.correlation) == (intent, ann)
    assert [event.correlation for event in taken.decisions] == [ann, bob]


def test_a_fact_that_goes_back_to_nothing_is_the_root_of_its_flow() -> None:
    state = given(running()).state
    assert step(state, TimerFired(), at=state.at).fact.correlation == state.position + 1


def test_an_event_that_cannot_have_happened_is_refused() -> None:
    flow = given(running(), described("a"))
    with pytest.raises(IllegalTransition):
        flow.when(loaded("a"))


def test_a_copy_differs_only_in_what_is_changed_and_only_in_what_there_is() -> None:
    state = given(running(), resident("a")).state
    assert replace(state, position=99) == dataclasses.replace(state, position=99)
    with pytest.raises(TypeError, match="State has no field 'colour'"):
        replace(state, colour=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # what is tested


def test_the_first_state_is_empty() -> None:
    assert initial() == State()
