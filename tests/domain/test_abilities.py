"""What a provider cannot do, no rule asks of it; and the decision says so."""

from typing import Any

import pytest

from bursar.domain.host.events import ManagerStopping
from bursar.domain.models import ledger
from bursar.domain.models.events import (
    EvictionPlanned,
    FreeRequested,
    ModelDrainStarted,
    ModelLoadStarted,
    ModelUnloadStarted,
    ModelWrittenOff,
    ResidencyAssumed,
    ResourcesFreed,
    UnloadRequested,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.models.values import REMOTE
from bursar.domain.reasons import Reason
from bursar.domain.requests.events import LeaseGranted, LeaseRevoked, RequestQueued, RequestRejected
from bursar.domain.settings import Settings
from bursar.testing.facts import (
    arrived,
    changed,
    configured,
    described,
    finished,
    found,
    loaded,
    lost,
    observed,
    resident,
    running,
    slept,
    timer,
    unload_failed,
    unloaded,
    wake_failed,
    woken,
)
from bursar.testing.specification import Given, after, decided, given

SLEEPER = observed("s", "load", "sleep", "measure_memory")


def _asleep(**limits: Any) -> Given:
    """`s`, which took 100 bytes of a graphics device, sleeps and takes 20 of main memory."""
    return given(
        running(**limits),
        SLEEPER,
        described("s", 100, device="gpu0"),
        arrived("s"),
        loaded("s"),
        finished("s"),
        UnloadRequested(model="s"),
        slept("s", 20),
    )


def _excluded(reason: Reason) -> dict[str, str]:
    return {excluded.model: excluded.because for excluded in reason.excluded}


def test_a_model_whose_provider_cannot_load_is_taken_to_be_there_and_the_reason_says_so() -> None:
    step = given(running(), observed("a", "unload"), described("a")).when(arrived("a"))
    step.then(decided(ResidencyAssumed, model="a", rule="residency.assumed"), LeaseGranted)
    assumed = step.of(ResidencyAssumed)
    assert isinstance(assumed, ResidencyAssumed)
    (test,) = assumed.reason.tests
    assert (test.what, test.left, test.op, test.right, test.holds) == (
        "its provider can load",
        0,
        "==",
        0,
        True,
    )
    assert assumed.reason.evidence == {"provider": 4}


def test_an_assumed_model_takes_nothing_and_does_not_count_among_the_loaded() -> None:
    flow = given(running(max_models_loaded=1, memory_bytes=100), observed("a"), described("a", 100))
    flow = flow.and_then(arrived("a"), described("b", 100))
    assert ledger.takes(flow.state, flow.state.models["a"]) == {}
    flow.when(arrived("b")).then(decided(ModelLoadStarted, model="b"), RequestQueued)


def test_an_assumed_model_is_never_a_victim_nor_drained_nor_unloaded() -> None:
    """Not for room, not when idle, not by an operator, and not when the manager closes."""
    flow = given(running(max_models_loaded=1, inactivity_timeout_ms=10), observed("a"), described("a"))
    flow = flow.and_then(arrived("a"), finished("a"))
    flow.and_then(after(60_000)).when(timer()).then_nothing()
    flow.when(UnloadRequested(model="a")).then_nothing()
    flow.when(FreeRequested()).then(decided(ResourcesFreed, models=()))
    flow.when(ManagerStopping()).then_nothing()


def test_what_a_model_takes_that_cannot_be_moved_is_not_there_for_others() -> None:
    """Its provider cannot load, and says that it holds 60 of 100 bytes: 50 more can never be had."""
    flow = given(running(memory_bytes=100), observed("a", "measure_memory"), described("a", 60), found("a"))
    assert ledger.takes(flow.state, flow.state.models["a"]) == {"ram": 60}
    step = flow.and_then(described("b", 50)).when(arrived("b"))
    step.then(
        decided(RequestRejected, model="b", code="RESOURCE_LIMIT_EXCEEDED", rule="admission.infeasible")
    )


def test_who_cannot_be_unloaded_is_excluded_and_said_to_be() -> None:
    flow = given(
        running(max_models_loaded=1), observed("a", "load"), described("a"), arrived("a"), loaded("a")
    )
    step = flow.and_then(finished("a"), described("b")).when(arrived("b"))
    queued = step.then(decided(RequestQueued, rule="admission.wait"))
    decision = step.of(RequestQueued)
    assert isinstance(decision, RequestQueued)
    assert _excluded(decision.reason) == {"a": "its provider cannot unload"}
    queued.when(lost("a")).then(ModelWrittenOff, decided(ModelLoadStarted, model="b"))


def test_a_model_that_can_only_sleep_makes_room_by_sleeping() -> None:
    flow = given(running(max_models_loaded=1), SLEEPER, described("s", 100, device="gpu0"), arrived("s"))
    flow = flow.and_then(loaded("s"), finished("s"), described("b"))
    step = flow.when(arrived("b"))
    flow = step.then(
        decided(EvictionPlanned, victims=("s",)),
        ModelDrainStarted,
        decided(ModelUnloadStarted, model="s", how="sleep"),
        RequestQueued,
    )
    order = step.of(ModelUnloadStarted)
    assert isinstance(order, ModelUnloadStarted)
    assert [test.what for test in order.reason.tests] == [
        "leases",
        "its provider can unload",
        "its provider can sleep",
    ]
    after_sleep = flow.when(slept("s", 20)).then(decided(ModelLoadStarted, model="b", how="load"))
    assert after_sleep.state.models["s"].state is ModelState.SLEEPING
    assert ledger.takes(after_sleep.state, after_sleep.state.models["s"]) == {"ram": 20}


def test_until_it_has_slept_once_a_model_is_taken_to_give_back_everything() -> None:
    flow = given(running(), SLEEPER, described("s", 80), arrived("s"), loaded("s"))
    assert ledger.frees(flow.state, flow.state.models["s"]) == {"models": 1, "ram": 80}
    known = _asleep().and_then(woken("s", origin="external"))
    assert ledger.keeps(known.state, known.state.models["s"]) == {"ram": 20}
    assert ledger.frees(known.state, known.state.models["s"]) == {"models": 1, "gpu0": 100}


def test_what_sleeping_models_keep_for_good_is_not_there_for_others() -> None:
    """Nobody could ever make that room, so whoever needs it hears so at once instead of waiting for ever."""
    flow = _asleep(memory_bytes=100).and_then(described("b", 90))
    flow.when(arrived("b")).then(decided(RequestRejected, rule="admission.infeasible"))
    flow.and_then(described("b", 80)).when(arrived("b")).then(ModelLoadStarted, RequestQueued)


def test_a_sleeping_model_is_woken_for_whoever_asks_and_takes_what_it_lacks() -> None:
    flow = _asleep()
    waiting = flow.when(arrived("s")).then(
        decided(ModelLoadStarted, model="s", how="wake", need={"models": 1, "gpu0": 100}), RequestQueued
    )
    assert waiting.state.models["s"].memory == {"ram": 20, "gpu0": 100}
    awake = waiting.when(woken("s")).then(LeaseGranted)
    assert awake.state.models["s"].memory == {"gpu0": 100}
    assert awake.state.models["s"].load_ms == (3 * 1000 + 10) // 4, "what its absence costs by now"


def test_a_sleeping_model_that_cannot_be_woken_sleeps_on_and_is_left_alone_for_a_while() -> None:
    flow = _asleep(load_cooldown_ms=1_000).and_then(arrived("s"))
    failed = flow.when(wake_failed("s", "the engine is dead")).then(
        decided(RequestRejected, values={"model": "s", "cause": "the engine is dead"})
    )
    assert failed.state.models["s"].state is ModelState.SLEEPING
    assert failed.state.models["s"].memory == {"ram": 20}
    failed.when(arrived("s")).then(decided(RequestRejected, rule="queue.cool_down"))
    failed.and_then(after(1_000)).when(arrived("s")).then(
        decided(ModelLoadStarted, how="wake"), RequestQueued
    )


def test_who_can_only_sleep_is_no_victim_once_it_sleeps() -> None:
    flow = _asleep(memory_bytes=100, max_models_loaded=1).and_then(resident("c", 60), arrived("c"))
    step = flow.and_then(described("b", 40)).when(arrived("b"))
    step.then(decided(RequestQueued, rule="admission.wait"))
    decision = step.of(RequestQueued)
    assert isinstance(decision, RequestQueued)
    assert _excluded(decision.reason) == {"s": "asleep", "c": "leases=1"}


def test_a_sleeping_model_whose_provider_can_unload_leaves_when_its_memory_is_wanted() -> None:
    flow = _asleep(memory_bytes=100).and_then(observed("s", "load", "unload", "sleep"), described("b", 90))
    flow.when(arrived("b")).then(
        decided(EvictionPlanned, victims=("s",)),
        ModelDrainStarted,
        decided(ModelUnloadStarted, model="s", how="unload"),
        RequestQueued,
    ).when(unloaded("s")).then(decided(ModelLoadStarted, model="b"))


def test_whoever_holds_a_model_that_somebody_puts_to_sleep_loses_it() -> None:
    flow = given(running(), SLEEPER, described("s"), arrived("s"), loaded("s"))
    flow.when(slept("s", origin="external")).then(decided(LeaseRevoked, model="s", code="MODEL_LOST"))


def test_a_model_that_would_not_sleep_serves_on() -> None:
    flow = given(running(), SLEEPER, described("s"), arrived("s"), loaded("s"), finished("s"))
    flow = flow.and_then(UnloadRequested(model="s")).when(unload_failed("s")).then()
    assert flow.state.models["s"].state is ModelState.READY


@pytest.mark.parametrize(("origin", "leaves"), [("own", True), ("external", False)])
def test_when_the_manager_closes_only_its_own_models_leave(origin: Any, leaves: bool) -> None:
    flow = given(running(), described("a"), found("a", origin=origin))
    step = flow.when(ManagerStopping())
    if leaves:
        step.then(decided(ModelDrainStarted, motive="shutdown"), ModelUnloadStarted)
    else:
        step.then_nothing()


def test_what_others_loaded_leaves_for_room_and_when_an_operator_wants_it() -> None:
    """Their memory is as good as ours: only when the manager closes there is nothing to be gained by it."""
    flow = given(running(max_models_loaded=1), described("a"), found("a", origin="external"), described("b"))
    flow.when(arrived("b")).then(
        decided(EvictionPlanned, victims=("a",)), ModelDrainStarted, ModelUnloadStarted, RequestQueued
    )
    flow.when(UnloadRequested(model="a")).then(ModelDrainStarted, ModelUnloadStarted)


def test_a_remote_model_takes_nothing_but_a_place() -> None:
    flow = given(running(memory_bytes=10), described("a", 100, device=REMOTE))
    flow.when(arrived("a")).then(decided(ModelLoadStarted, need={"models": 1}), RequestQueued)


def test_of_a_provider_that_does_not_measure_the_estimate_is_counted() -> None:
    flow = given(running(), observed("a", "load", "unload"), described("a", 100), arrived("a"))
    fact = loaded("a")(flow.state)
    silent = fact.residency.model_copy(update={"memory": {}})
    flow = flow.and_then(fact.model_copy(update={"residency": silent}))
    assert flow.state.models["a"].memory == {"ram": 100}
    assert flow.state.models["a"].provenance == "estimate (test)"
    assert flow.state.calibration.measured == {}


def test_what_is_wanted_from_the_start_is_assumed_where_it_cannot_be_loaded() -> None:
    flow = given(running(), observed("a"), described("a"))
    flow.when(configured(Settings(preload=("a",)))).then(decided(ResidencyAssumed, model="a"))


def test_a_model_that_can_sleep_though_not_be_loaded_counts_by_its_memory_and_makes_room() -> None:
    """vLLM: its one model is there from its start, and can be put to sleep and woken."""
    flow = given(running(max_models_loaded=1, memory_bytes=100), observed("s", "sleep"), described("s", 80))
    flow = flow.and_then(found("s", origin="external"), described("b", 50))
    assert ledger.takes(flow.state, flow.state.models["s"]) == {"ram": 80}
    room = flow.when(arrived("b")).then(
        decided(EvictionPlanned, victims=("s",)),
        ModelDrainStarted,
        decided(ModelUnloadStarted, model="s", how="sleep"),
        RequestQueued,
    )
    served = room.and_then(slept("s", 10), loaded("b"), finished("b"))
    assert served.state.models["s"].memory == {"ram": 10}
    woken_for = served.when(arrived("s")).then(
        decided(EvictionPlanned, model="s", victims=("b",)),
        ModelDrainStarted,
        ModelUnloadStarted,
        RequestQueued,
    )
    woken_for.when(unloaded("b")).then(decided(ModelLoadStarted, model="s", how="wake", need={"ram": 70}))


def test_a_model_that_others_may_have_moved_is_no_longer_assumed_once_its_provider_can_load() -> None:
    flow = given(running(), observed("a"), described("a"), arrived("a"), finished("a"), observed("a", "load"))
    assert flow.state.models["a"].assumed, "the next comparison tells"
    there = flow.and_then(changed("a", 100))
    assert not there.state.models["a"].assumed
    assert ledger.takes(there.state, there.state.models["a"]) == {"models": 1, "ram": 100}


def test_resident_models_of_other_providers_are_not_concerned() -> None:
    flow = given(running(max_models_loaded=2), observed("a"), described("a"), arrived("a"), resident("b"))
    flow.when(UnloadRequested(model="b")).then(ModelDrainStarted, ModelUnloadStarted)
