"""A provider that was seen to hold only so many models at once is not asked to hold more."""

from typing import Any

from bursar.domain.models import ledger
from bursar.domain.models.events import EvictionPlanned, ModelLoadStarted, PinChanged
from bursar.domain.requests.events import RequestQueued, RequestRejected
from bursar.testing.facts import (
    arrived,
    configured,
    described,
    finished,
    loaded,
    observed,
    running,
    unloaded,
)
from bursar.testing.specification import Given, given

ABLE = ("load", "unload", "measure_memory")


def _served(max_loaded: int | None, **limits: Any) -> Given:
    """`p:a` is in memory and idle, `p:b` is not."""
    return given(
        running(**limits),
        observed("p", *ABLE, max_loaded=max_loaded),
        observed("q", *ABLE),
        *(described(model) for model in ("p:a", "p:b", "q:c")),
        arrived("p:a"),
        loaded("p:a"),
        finished("p:a"),
    )


def test_room_is_made_where_it_holds_one_at_a_time_and_the_reason_says_so() -> None:
    step = _served(1).when(arrived("p:b"))
    plan = step.of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert plan.victims == ("p:a",)
    assert plan.shortfall == {"models of p": 1}
    tests = {test.what: (test.left, test.op, test.right, test.holds) for test in plan.reason.tests}
    assert tests["ceiling models of p"] == (1, ">=", 1, True)
    assert tests["uncommitted models of p"] == (0, ">=", 1, False)


def test_where_nothing_was_seen_memory_alone_decides() -> None:
    step = _served(None).when(arrived("p:b"))
    load = step.of(ModelLoadStarted)
    assert isinstance(load, ModelLoadStarted)
    assert "models of p" not in load.need


def test_other_providers_hold_what_they_hold() -> None:
    step = _served(1).when(arrived("q:c"))
    load = step.of(ModelLoadStarted)
    assert isinstance(load, ModelLoadStarted)
    assert load.need["models"] == 1
    assert not [resource for resource in load.need if resource.startswith(ledger.MODELS_OF)]


def test_the_load_begins_when_the_one_before_is_gone() -> None:
    step = _served(1).and_then(arrived("p:b")).when(unloaded("p:a"))
    load = step.of(ModelLoadStarted)
    assert isinstance(load, ModelLoadStarted)
    assert load.need["models of p"] == 1
    assert load.reason.rule == "plan.ready"


def test_who_is_in_use_is_waited_for() -> None:
    step = _served(1).and_then(arrived("p:a")).when(arrived("p:b"))
    step.then(RequestQueued)


def test_a_pinned_model_that_fills_it_is_named() -> None:
    step = _served(1).and_then(PinChanged(model="p:a", pinned=True)).when(arrived("p:b"))
    refused = step.of(RequestRejected)
    assert isinstance(refused, RequestRejected)
    assert refused.code == "ALL_MODELS_PINNED"
    assert refused.values["pinned"] == "p:a"
    assert refused.values["resource"] == "the models that p holds at once"


def test_a_limit_of_the_settings_holds_beside_it() -> None:
    step = _served(2).and_then(configured(max_models_loaded=1)).when(arrived("p:b"))
    plan = step.of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert plan.shortfall == {"models": 1}


def test_it_is_no_device_that_a_load_takes_memory_of() -> None:
    flow = _served(1).and_then(arrived("p:b")).and_then(unloaded("p:a")).and_then(loaded("p:b"))
    assert not [name for name in flow.state.models["p:b"].expected if ledger.is_count(name)]
    assert ledger.takes(flow.state, flow.state.models["p:b"])["models of p"] == 1
