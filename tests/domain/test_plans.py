"""Plans are looked at again at every step, and given up when they are pointless or there is a better one."""

from bursar.domain.models.events import (
    EvictionPlanned,
    ModelDrainCancelled,
    ModelDrainStarted,
    ModelLoadStarted,
    ModelUnloadStarted,
    PinChanged,
    PlanAbandoned,
    UnloadRequested,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.requests.events import LeaseGranted, RequestQueued, RequestRejected
from bursar.domain.settings import Settings
from bursar.testing.facts import (
    arrived,
    cancelled,
    configured,
    described,
    finished,
    found,
    loaded,
    lost,
    resident,
    running,
    sampled,
    timer,
    unload_failed,
    unloaded,
)
from bursar.testing.specification import Given, after, decided, given


def draining(*, size: int = 100) -> Given:
    """Room is being made for `b`, which ann wants, and somebody still holds `a`, which has to leave."""
    flow = given(
        running(max_models_loaded=1, overtake_budget_ms=0),
        *(resident("a", slots=2), arrived("a"), described("b", size), arrived("b", "ann")),
    )
    assert flow.state.models["a"].state is ModelState.DRAINING
    return flow


def test_victims_stay_when_nobody_wants_the_room_any_more() -> None:
    draining().when(cancelled("b")).then(
        decided(PlanAbandoned, model="b", rule="plan.unwanted"),
        decided(ModelDrainCancelled, model="a", rule="plan.abandoned"),
    )


def test_a_plan_is_kept_while_somebody_else_wants_the_same_model() -> None:
    flow = draining().and_then(arrived("b", "bob"))
    kept = flow.when(cancelled("b")).then_nothing()
    gone = kept.and_then(finished("a"), unloaded("a"))
    gone.when(loaded("b")).then(decided(LeaseGranted, request=flow.request("bob")))


def test_those_who_waited_for_a_victim_are_served_when_it_may_stay() -> None:
    flow = draining().and_then(arrived("a", "bob"))
    flow.when(cancelled("b")).then(
        PlanAbandoned, ModelDrainCancelled, decided(LeaseGranted, request=flow.request("bob"))
    )


def test_a_victim_that_is_being_unloaded_already_cannot_stay() -> None:
    flow = draining().and_then(finished("a"))
    abandoned = flow.when(cancelled("b")).then(PlanAbandoned)
    assert abandoned.state.models["a"].state is ModelState.UNLOADING
    abandoned.when(unloaded("a")).then_nothing()


def test_a_victim_that_the_operator_wants_out_leaves_even_without_the_plan() -> None:
    flow = draining().when(UnloadRequested(model="a")).then_nothing()
    without = flow.when(cancelled("b")).then(PlanAbandoned)
    without.when(finished("a")).then(decided(ModelUnloadStarted, model="a", motive="operator"))


def test_a_victim_that_vanishes_makes_room_as_well() -> None:
    flow = draining().and_then(finished("a"))
    assert decided(ModelLoadStarted, model="b").matches(flow.when(lost("a")).decisions[-1])


def test_a_victim_that_is_pinned_meanwhile_may_stay() -> None:
    draining().when(PinChanged(model="a", pinned=True)).then(
        decided(PlanAbandoned, model="b", rule="plan.pinned"),
        decided(ModelDrainCancelled, model="a"),
        decided(RequestRejected, model="b", code="ALL_MODELS_PINNED"),
    )


def test_a_plan_for_a_model_that_turns_up_by_itself_is_given_up() -> None:
    flow = draining()
    step = flow.when(found("b"))
    assert decided(PlanAbandoned, model="b", rule="plan.needless").matches(step.decisions[0])
    assert any(decided(LeaseGranted, model="b").matches(decision) for decision in step.decisions)


def test_a_plan_is_made_anew_when_its_model_takes_something_else_than_was_planned() -> None:
    flow = given(
        running(memory_bytes=300, max_models_loaded=9, overtake_budget_ms=0),
        *(resident("a"), resident("b"), resident("c"), arrived("a"), arrived("b"), arrived("c")),
        *(described("new", 100), arrived("new")),
    )
    flow.when(described("new", 200)).then(
        decided(PlanAbandoned, model="new", rule="plan.outdated"),
        decided(ModelDrainCancelled, model="a"),
        decided(EvictionPlanned, model="new", need={"models": 1, "ram": 200}, victims=("a", "b")),
        ModelDrainStarted,
        ModelDrainStarted,
    )


def test_plans_that_no_longer_fit_together_are_given_up_the_newest_first() -> None:
    flow = given(
        running(memory_bytes=300, max_models_loaded=9),
        *(resident("a"), resident("b"), resident("c"), described("d"), described("e"), described("f")),
        *(arrived("c"), arrived("d"), arrived("e")),
    )
    assert list(flow.state.plans) == ["d", "e"]
    flow.when(configured(memory_bytes=250, max_models_loaded=9)).then(
        decided(PlanAbandoned, model="e", rule="plan.unfit")
    )


def test_a_plan_on_one_device_does_not_depend_on_another() -> None:
    """`gpu0` is over its limit through others; that is no reason to give up room in main memory."""
    flow = given(
        running(memory_bytes=100),
        *(resident("g", device="gpu0"), sampled(100, device="gpu0"), arrived("g")),
        *(resident("a"), described("b"), arrived("b")),
    )
    assert list(flow.state.plans) == ["b"]
    crowded = flow.and_then(sampled(900, device="gpu0"))
    assert crowded.state.host.overcommitted
    assert list(crowded.state.plans) == ["b"]


def test_a_plan_that_waits_for_models_in_use_gives_way_to_idle_ones() -> None:
    """`a` is held for an hour; `b`, which was busy as well, becomes idle a moment later."""
    flow = given(
        running(max_models_loaded=2, overtake_budget_ms=0),
        *(resident("a"), resident("b"), arrived("a"), arrived("b"), described("c"), arrived("c")),
    )
    assert flow.state.plans["c"].victims == ("a",)
    flow.when(finished("b")).then(
        decided(PlanAbandoned, model="c", rule="plan.better"),
        decided(ModelDrainCancelled, model="a"),
        decided(EvictionPlanned, model="c", victims=("b",)),
        decided(ModelDrainStarted, model="b"),
        decided(ModelUnloadStarted, model="b"),
    )


def test_a_plan_that_waits_for_models_in_use_is_given_up_when_there_is_room_without_them() -> None:
    draining().when(configured(max_models_loaded=2, overtake_budget_ms=0)).then(
        decided(PlanAbandoned, model="b", rule="plan.better"),
        decided(ModelDrainCancelled, model="a"),
        decided(ModelLoadStarted, model="b", rule="admission.fits"),
    )


def test_a_younger_plan_does_not_take_the_room_that_an_older_one_waits_for() -> None:
    """`a` leaves at once, for `big`, and `c` late, for `d`; neither begins with the other's room."""
    flow = given(
        running(memory_bytes=300, max_models_loaded=9, overtake_budget_ms=0),
        *(resident("a"), resident("b"), resident("c"), arrived("b"), arrived("c")),
        *(described("big", 200), described("d", 100), arrived("big"), arrived("d")),
    )
    assert {name: plan.victims for name, plan in flow.state.plans.items()} == {"big": ("a", "b"), "d": ("c",)}
    freed = flow.when(unloaded("a")).then_nothing()
    second = freed.and_then(finished("c")).when(unloaded("c"))
    second.then(decided(ModelLoadStarted, model="big"))
    third = second.given.and_then(finished("b"))
    third.when(unloaded("b")).then(decided(ModelLoadStarted, model="d"))


def test_a_younger_plan_begins_with_its_own_room_while_an_older_one_still_waits() -> None:
    flow = given(
        running(memory_bytes=300, max_models_loaded=9, overtake_budget_ms=0),
        *(resident("a"), resident("b"), resident("c"), arrived("a"), arrived("b"), arrived("c")),
        *(described("big", 200), described("d", 100), arrived("big"), arrived("d")),
    )
    assert flow.state.plans["d"].victims == ("c",)
    flow.and_then(finished("c")).when(unloaded("c")).then(decided(ModelLoadStarted, model="d"))


def test_a_request_that_needs_no_room_made_does_not_take_what_a_plan_waits_for() -> None:
    """What `a` has left is for `big`; there will be room for `small` when `e` is gone, and not before."""
    flow = given(
        running(memory_bytes=250, max_models_loaded=9, overtake_budget_ms=0),
        *(resident("e", 50), arrived("e"), UnloadRequested(model="e")),
        *(resident("a"), resident("b"), arrived("b"), described("big", 200), arrived("big")),
        *(described("small", 50), unloaded("a")),
    )
    assert list(flow.state.plans) == ["big"]
    waiting = flow.when(arrived("small")).then(
        decided(EvictionPlanned, model="small", victims=(), rule="admission.fits"), RequestQueued
    )
    waiting.and_then(finished("e")).when(unloaded("e")).then(decided(ModelLoadStarted, model="small"))


# --- models that will not leave -----------------------------------------------------------------------------


def refused(**limits: int) -> Given:
    """`a` was to leave for `b`, and its provider refused."""
    return given(
        running(load_cooldown_ms=10_000, **limits),
        *(resident("a"), resident("z"), described("b"), after(1), arrived("b", "ann"), unload_failed("a")),
    )


def test_a_model_that_cannot_be_unloaded_serves_on() -> None:
    flow = refused(max_models_loaded=1)
    assert flow.state.models["a"].state is ModelState.READY
    assert flow.state.models["a"].failure == "out of luck"
    assert decided(LeaseGranted, model="a").matches(flow.when(arrived("a")).decisions[0])


def test_another_victim_is_chosen_instead_of_one_that_refused() -> None:
    flow = given(
        running(max_models_loaded=2),
        *(resident("a"), resident("z"), described("b"), arrived("b")),
    )
    assert flow.state.plans["b"].victims == ("a",)
    flow.when(unload_failed("a")).then(
        decided(PlanAbandoned, model="b", rule="plan.unfit"),
        decided(EvictionPlanned, model="b", victims=("z",)),
        decided(ModelDrainStarted, model="z"),
        decided(ModelUnloadStarted, model="z"),
    )


def test_one_that_refused_is_asked_again_after_a_pause_that_doubles() -> None:
    flow = given(
        running(max_models_loaded=1, load_cooldown_ms=10_000), resident("a"), described("b"), arrived("b")
    )
    for pause_ms in (10_000, 20_000, 40_000):
        waiting = flow.when(unload_failed("a")).then(decided(PlanAbandoned, rule="plan.unfit"))
        early = waiting.when(timer(), after_ms=pause_ms - 1).then_nothing()
        flow = early.when(timer(), after_ms=1).then(EvictionPlanned, ModelDrainStarted, ModelUnloadStarted)
    gone = flow.when(unloaded("a")).then(ModelLoadStarted)
    assert gone.state.models["a"].failures == 0


def test_one_that_refused_does_not_bar_the_way_to_itself() -> None:
    """`ann` waits, overdue, for `a` to leave; as long as it cannot, it may as well serve."""
    flow = given(
        running(max_models_loaded=1, overtake_budget_ms=0),
        *(resident("a"), described("b"), arrived("b", "ann"), unload_failed("a")),
    )
    flow.when(arrived("a")).then(LeaseGranted)


def test_settings_lowered_below_what_a_plan_needs_turn_its_request_away() -> None:
    flow = given(running(memory_bytes=200), resident("a"), arrived("a"), described("b", 150))
    planned = flow.and_then(arrived("b"), configured(memory_bytes=200, overtake_budget_ms=0))
    assert list(planned.state.plans) == ["b"]
    planned.when(configured(Settings(), memory_bytes=120)).then(
        decided(PlanAbandoned, model="b", rule="plan.unfit"),
        decided(ModelDrainCancelled, model="a"),
        decided(RequestRejected, model="b", code="RESOURCE_LIMIT_EXCEEDED"),
    )
