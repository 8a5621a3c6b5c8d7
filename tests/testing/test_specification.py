"""The helper itself: what it lets pass, and what it says when a rule does something else."""

import pytest

from bursar.domain.models.events import ModelLoadStarted
from bursar.domain.requests.events import LeaseGranted, RequestQueued
from bursar.testing.facts import arrived, described, finished, found, loaded, resident, running, started
from bursar.testing.specification import after, decided, given


def test_decisions_are_expected_by_type_by_fields_or_as_a_whole() -> None:
    step = given(running(), described("a")).when(arrived("a"))
    whole = step.of(ModelLoadStarted)
    step.then(ModelLoadStarted, RequestQueued)
    step.then(decided(ModelLoadStarted, model="a", rule="admission.fits"), RequestQueued)
    step.then(whole, RequestQueued)


def test_a_failure_shows_what_was_expected_and_what_was_decided_one_line_each() -> None:
    step = given(running(), described("a")).when(arrived("a"))
    with pytest.raises(AssertionError) as failure:
        step.then(decided(LeaseGranted, model="a"), RequestQueued)
    lines = str(failure.value).splitlines()
    assert lines[0] == "after RequestArrived:  - expected, + decided instead"
    assert sorted(line[0] for line in lines[1:]) == [" ", "+", "-"]
    assert "- LeaseGranted model='a'" in lines
    load = "+ ModelLoadStarted model='a' request=5 need={'models': 1, 'ram': 100} how='load'"
    assert f"{load} rule='admission.fits'" in lines


def test_nothing_is_expected_by_saying_so() -> None:
    step = given(running(), described("a")).when(arrived("a"))
    with pytest.raises(AssertionError, match="ModelLoadStarted"):
        step.then_nothing()
    step.given.when(described("b")).then_nothing()


def test_a_decision_in_another_order_is_a_failure() -> None:
    step = given(running(), described("a")).when(arrived("a"))
    with pytest.raises(AssertionError):
        step.then(RequestQueued, ModelLoadStarted)


def test_only_a_single_decision_of_a_type_can_be_looked_at() -> None:
    step = given(running(), described("a")).when(arrived("a"))
    with pytest.raises(AssertionError, match="0 decisions are LeaseGranted"):
        step.of(LeaseGranted)


def test_time_passes_between_facts_only_where_it_is_said() -> None:
    before = given(started(), described("a"))
    assert before.and_then(after(1_500)).when(started()).given.state.at - before.state.at == 1_500_000_000
    assert before.when(started(), after_ms=20).given.state.at - before.state.at == 20_000_000
    assert before.when(started()).given.state.at == before.state.at


def test_a_specification_goes_on_where_another_ended() -> None:
    served = given(running(), described("a"), arrived("a")).when(loaded("a")).then(LeaseGranted)
    served.when(finished("a")).then_nothing()


def test_a_request_is_found_by_its_agent() -> None:
    flow = given(running(), resident("a", slots=2), arrived("a", "ann"), arrived("a", "bob"))
    assert flow.request("ann") < flow.request("bob")
    with pytest.raises(LookupError, match="eve"):
        flow.request("eve")


def test_a_model_must_be_described_before_it_is_found_in_memory() -> None:
    with pytest.raises(LookupError, match="a is not described"):
        given(running(), found("a"))
