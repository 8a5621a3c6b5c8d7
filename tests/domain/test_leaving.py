"""Why a model leaves besides making room: it was idle for long, an operator wants it, or memory is short."""

from bursar.domain.host.events import MemoryOvercommitted, MemoryRelieved, MetricsSampled
from bursar.domain.models.events import (
    EstimateExceeded,
    EvictionPlanned,
    FreeRequested,
    ModelDrainStarted,
    ModelUnloadStarted,
    PinChanged,
    ResourcesFreed,
    UnloadRequested,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.models.values import DeviceReading, Reading
from bursar.domain.requests.events import LeaseGranted, RequestQueued
from bursar.domain.settings import Settings
from bursar.testing.facts import (
    arrived,
    configured,
    described,
    finished,
    found,
    load_failed,
    loaded,
    lost,
    resident,
    running,
    sampled,
    slept,
    timer,
    unload_failed,
    unloaded,
    woken,
)
from bursar.testing.specification import Given, Happening, after, decided, given

_GIB = 1 << 30
_HOUR_MS = 3_600_000

# --- idle ---------------------------------------------------------------------------------------------------


def idle(**limits: int | None) -> Given:
    """One GiB that took 1.8 s to load, idle from now on: at the default price it is worth 1.8 hours."""
    return given(
        running(**limits), described("a", _GIB), arrived("a"), loaded("a", load_ms=1_800), finished("a")
    )


def test_a_model_is_unloaded_when_its_memory_has_cost_as_much_as_loading_it_again() -> None:
    worth_ms = 1_800 * _HOUR_MS // 1_000
    flow = idle(idle_price_ms_per_gib_hour=1_000)
    flow.when(timer(), after_ms=worth_ms - 1).then_nothing()
    flow.when(timer(), after_ms=worth_ms).then(
        decided(ModelDrainStarted, model="a", motive="idle", plan=None, rule="unload.idle"),
        decided(ModelUnloadStarted, model="a", motive="idle"),
    )


def test_the_higher_the_price_the_sooner_it_leaves() -> None:
    flow = idle(idle_price_ms_per_gib_hour=2_000)
    flow.when(timer(), after_ms=900 * _HOUR_MS // 1_000).then(ModelDrainStarted, ModelUnloadStarted)


def test_at_no_price_and_without_a_timeout_it_stays_for_ever() -> None:
    idle(idle_price_ms_per_gib_hour=0).when(timer(), after_ms=1000 * _HOUR_MS).then_nothing()


def test_after_the_inactivity_timeout_it_leaves_whatever_the_price_says() -> None:
    flow = idle(idle_price_ms_per_gib_hour=0, inactivity_timeout_ms=5_000)
    flow.when(timer(), after_ms=4_999).then_nothing()
    flow.when(timer(), after_ms=5_000).then(ModelDrainStarted, ModelUnloadStarted)


def test_a_model_that_is_used_again_is_idle_from_then_on() -> None:
    flow = idle(idle_price_ms_per_gib_hour=0, inactivity_timeout_ms=5_000)
    used = flow.and_then(after(4_000), arrived("a"), after(4_000), timer())
    assert used.state.models["a"].state is ModelState.READY
    used.and_then(finished("a")).when(timer(), after_ms=4_999).then_nothing()


def test_a_pinned_model_is_never_idle() -> None:
    flow = idle(inactivity_timeout_ms=5_000).and_then(PinChanged(model="a", pinned=True))
    flow.when(timer(), after_ms=9_000).then_nothing()


def test_a_model_that_somebody_is_barred_from_is_not_idle() -> None:
    """ann waits for `a`, and only because somebody overdue is ahead."""
    flow = given(
        running(memory_bytes=200, overtake_budget_ms=0, inactivity_timeout_ms=5_000),
        *(resident("a"), described("b"), described("big", 200), arrived("b"), arrived("big")),
    )
    waiting = flow.when(arrived("a", "ann")).then(decided(RequestQueued, rule="queue.barrier"))
    waiting.when(timer(), after_ms=9_000).then_nothing()


def test_an_idle_model_that_refused_to_leave_is_asked_again_only_after_its_pause() -> None:
    flow = idle(inactivity_timeout_ms=5_000, load_cooldown_ms=10_000)
    kept = flow.and_then(after(5_000), timer(), unload_failed("a"))
    kept.when(timer(), after_ms=9_999).then_nothing()
    kept.when(timer(), after_ms=10_000).then(ModelDrainStarted, ModelUnloadStarted)


# --- operators ----------------------------------------------------------------------------------------------


def test_an_operator_can_have_a_model_out_of_memory_even_a_pinned_one() -> None:
    given(running(Settings(pins=("a",))), resident("a")).when(UnloadRequested(model="a")).then(
        decided(ModelDrainStarted, motive="operator", rule="unload.requested"),
        decided(ModelUnloadStarted, motive="operator"),
    )


def test_a_model_in_use_is_unloaded_when_those_it_serves_are_done() -> None:
    flow = given(running(), resident("a"), arrived("a"))
    drained = flow.when(UnloadRequested(model="a")).then(decided(ModelDrainStarted, leases=1))
    drained.when(finished("a")).then(ModelUnloadStarted)


def test_a_model_that_is_still_loading_leaves_once_it_is_loaded() -> None:
    flow = given(running(), described("a"), arrived("a"))
    waiting = flow.when(UnloadRequested(model="a")).then_nothing()
    waiting.when(loaded("a")).then(
        decided(ModelDrainStarted, motive="operator", rule="unload.requested"), ModelUnloadStarted
    )


def test_a_wish_to_unload_does_not_outlive_the_load_it_was_about() -> None:
    flow = given(running(), described("a"), arrived("a"), UnloadRequested(model="a"), loaded("a"))
    again = flow.and_then(unloaded("a"))
    assert again.state.models["a"].state is ModelState.LOADING
    again.when(loaded("a")).then(LeaseGranted)


def test_a_load_whose_end_was_only_found_leaves_as_it_was_wished() -> None:
    flow = given(running(), described("a"), arrived("a"), UnloadRequested(model="a"))
    flow.when(found("a")).then(
        decided(ModelDrainStarted, motive="operator", rule="unload.requested"), ModelUnloadStarted
    )


def test_a_wish_to_unload_does_not_outlive_a_load_that_failed() -> None:
    flow = given(running(), described("a"), arrived("a"), UnloadRequested(model="a"), load_failed("a"))
    flow.when(found("a", origin="external")).then_nothing()


def test_a_wish_to_unload_does_not_outlive_a_sleep() -> None:
    flow = given(running(), described("a"), arrived("a"), UnloadRequested(model="a"), loaded("a"))
    flow.and_then(slept("a")).when(woken("a", origin="external")).then(LeaseGranted)


def test_what_is_not_in_memory_need_not_be_unloaded() -> None:
    given(running(), described("a")).when(UnloadRequested(model="a")).then_nothing()
    given(running()).when(UnloadRequested(model="nobody")).then_nothing()


def test_free_resources_unloads_what_nobody_uses_and_reports_what_that_freed() -> None:
    flow = given(
        running(Settings(pins=("pinned",)), max_models_loaded=9),
        *(resident("pinned"), resident("leased"), arrived("leased"), resident("a"), resident("b", 50)),
    )
    freeing = flow.when(FreeRequested()).then(
        decided(ModelDrainStarted, model="a", motive="operator", rule="free.requested"),
        decided(ModelDrainStarted, model="b"),
        ModelUnloadStarted,
        ModelUnloadStarted,
    )
    half = freeing.when(unloaded("a")).then_nothing()
    half.when(unloaded("b")).then(
        decided(ResourcesFreed, models=("a", "b"), freed={"ram": 150}, rule="free.done")
    )


def test_where_nothing_is_idle_nothing_is_freed_and_that_is_said_at_once() -> None:
    given(running()).when(FreeRequested()).then(decided(ResourcesFreed, models=(), freed={}))


def test_a_model_that_vanished_or_would_not_go_freed_nothing() -> None:
    flow = given(running(max_models_loaded=9), resident("a"), resident("b"), FreeRequested())
    half = flow.and_then(unload_failed("a"))
    step = half.when(lost("b"))
    assert decided(ResourcesFreed, models=("a", "b"), freed={}).matches(step.of(ResourcesFreed))


def test_who_asks_for_memory_while_it_is_being_freed_hears_of_both() -> None:
    """The first one's models are still on their way out."""
    flow = given(running(max_models_loaded=9), resident("a"), resident("b"), arrived("b"), FreeRequested())
    again = flow.and_then(finished("b")).when(FreeRequested())
    both = again.then(decided(ModelDrainStarted, model="b"), ModelUnloadStarted).and_then(unloaded("a"))
    both.when(unloaded("b")).then(decided(ResourcesFreed, models=("a", "b"), freed={"ram": 200}))


def test_a_model_that_somebody_waits_for_is_not_freed() -> None:
    flow = given(
        running(memory_bytes=200, overtake_budget_ms=0),
        *(resident("a"), described("b"), described("big", 200), arrived("b"), arrived("big"), arrived("a")),
    )
    flow.when(FreeRequested()).then(decided(ResourcesFreed, models=()))


# --- pressure -----------------------------------------------------------------------------------------------


def two_idle(*more: Happening) -> Given:
    """`a` and `b` of 100 bytes each, idle, where models may have 250."""
    return given(running(memory_bytes=250), resident("a"), resident("b"), after(1), *more)


def test_when_a_limit_is_lowered_idle_models_leave_until_it_holds() -> None:
    step = two_idle().when(configured(memory_bytes=150))
    step.then(
        decided(EvictionPlanned, model=None, request=None, shortfall={"ram": 50}, victims=("a",)),
        decided(ModelDrainStarted, model="a", motive="pressure"),
        decided(ModelUnloadStarted, model="a", motive="pressure"),
    )


def test_a_model_that_takes_more_than_was_expected_displaces_idle_ones() -> None:
    flow = two_idle(described("c", 50), arrived("c"))
    flow.when(loaded("c", 120)).then(
        decided(EstimateExceeded, model="c", expected={"ram": 50}, measured={"ram": 120}),
        decided(EvictionPlanned, model=None, shortfall={"ram": 70}, victims=("a",)),
        decided(ModelDrainStarted, model="a", motive="pressure"),
        decided(LeaseGranted, model="c"),
        ModelUnloadStarted,
    )


def test_when_others_take_memory_idle_models_leave() -> None:
    """800 of 1000 may be used; others take 650, so 150 are left for models."""
    flow = given(running(), resident("a"), resident("b"))
    flow.when(sampled(850, models={"a": 100, "b": 100})).then(
        decided(EvictionPlanned, model=None, shortfall={"ram": 50}), ModelDrainStarted, ModelUnloadStarted
    )


def test_all_idle_models_leave_when_even_they_are_not_enough_and_that_is_said() -> None:
    flow = two_idle(described("c", 50), arrived("c"))
    step = flow.when(loaded("c", 300))
    step.then(
        EstimateExceeded,
        decided(EvictionPlanned, shortfall={"ram": 200}, victims=("a", "b")),
        *(ModelDrainStarted, ModelDrainStarted),
        decided(MemoryOvercommitted, excess={"ram": 50}, rule="relief"),
        decided(LeaseGranted, model="c"),
        *(ModelUnloadStarted, ModelUnloadStarted),
    )


def test_what_is_short_on_one_device_does_not_drive_out_more_than_helps_another() -> None:
    """Nothing can be done for `gpu0`; in main memory one of the two is enough."""
    flow = given(running(), resident("g", 300, device="gpu0"), arrived("g"), resident("a"), resident("b"))
    devices = (
        DeviceReading(device="gpu0", total_bytes=1_000, used_bytes=900),
        DeviceReading(device="ram", total_bytes=1_000, used_bytes=850),
    )
    reading = Reading(devices=devices, cpu_per_mille=0, cores=1, models={})
    flow.when(MetricsSampled(reading=reading)).then(
        decided(EvictionPlanned, model=None, shortfall={"ram": 50}, victims=("a",)),
        ModelDrainStarted,
        decided(MemoryOvercommitted, excess={"gpu0": 100}),
        ModelUnloadStarted,
    )


def test_a_model_in_use_stays_and_leaves_when_it_is_idle_if_memory_is_still_short() -> None:
    flow = given(running(memory_bytes=250), resident("a", 200), arrived("a"))
    short = flow.when(configured(memory_bytes=150)).then(decided(MemoryOvercommitted, excess={"ram": 50}))
    short.when(finished("a")).then(
        decided(EvictionPlanned, model=None, victims=("a",)),
        decided(ModelDrainStarted, motive="pressure"),
        MemoryRelieved,
        ModelUnloadStarted,
    )


def test_relief_is_said_once() -> None:
    flow = given(running(memory_bytes=250), resident("a", 200), arrived("a"), configured(memory_bytes=150))
    relieved = flow.when(configured(memory_bytes=250)).then(decided(MemoryRelieved, rule="relief"))
    relieved.when(timer()).then_nothing()


def test_fewer_places_than_models_are_in_memory_is_pressure_as_well() -> None:
    two_idle().when(configured(max_models_loaded=1)).then(
        decided(EvictionPlanned, shortfall={"models": 1}), ModelDrainStarted, ModelUnloadStarted
    )


def test_a_pinned_model_stays_under_pressure() -> None:
    flow = two_idle(PinChanged(model="a", pinned=True))
    plan = flow.when(configured(memory_bytes=150)).of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert plan.victims == ("b",)


def test_while_too_much_is_in_use_nothing_more_is_loaded() -> None:
    flow = given(running(memory_bytes=100), resident("a"), arrived("a"), sampled(0, models={"a": 150}))
    assert flow.state.host.overcommitted
    flow.and_then(described("b", 10)).when(arrived("b")).then(decided(RequestQueued, rule="admission.wait"))


def test_a_model_found_in_memory_beyond_the_limit_is_pressure() -> None:
    flow = given(running(max_models_loaded=1), resident("a"), described("b"))
    flow.when(found("b")).then(
        decided(EvictionPlanned, model=None, shortfall={"models": 1}), ModelDrainStarted, ModelUnloadStarted
    )


def test_one_that_refused_to_leave_under_pressure_is_asked_again_after_its_pause() -> None:
    flow = given(running(memory_bytes=150, load_cooldown_ms=10_000), described("a"), found("a", 200))
    assert flow.state.models["a"].state is ModelState.UNLOADING
    kept = flow.when(unload_failed("a")).then(MemoryOvercommitted)
    kept.when(timer(), after_ms=9_999).then_nothing()
    kept.when(timer(), after_ms=10_000).then(
        EvictionPlanned, ModelDrainStarted, MemoryRelieved, ModelUnloadStarted
    )
