"""A manager starts, finds out what is in memory, serves, and closes; or is killed anywhere in between."""

from bursar.domain.host.events import (
    ManagerReconciled,
    ManagerStopped,
    ManagerStopping,
    StateDigested,
)
from bursar.domain.host.state import Phase
from bursar.domain.models.events import (
    EffectOutcomeUnknown,
    EvictionPlanned,
    FreeRequested,
    ModelDrainCancelled,
    ModelDrainStarted,
    ModelLoadStarted,
    ModelUnloadStarted,
    ModelWrittenOff,
    PlanAbandoned,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.requests.events import (
    LeaseGranted,
    LeaseRevoked,
    RequestAborted,
    RequestQueued,
    RequestRejected,
)
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
    started,
    timer,
    unload_failed,
    unloaded,
)
from bursar.testing.specification import after, decided, given

# --- starting -----------------------------------------------------------------------------------------------


def test_requests_that_the_previous_manager_left_open_are_aborted() -> None:
    flow = given(running(), resident("a"), arrived("a", "ann"), arrived("a", "bob"))
    step = flow.when(started())
    step.then(
        decided(RequestAborted, request=flow.request("ann"), rule="manager.started"),
        decided(RequestAborted, request=flow.request("bob"), rule="manager.started"),
    )
    assert step.given.state.models["a"].leases == ()


def test_room_that_was_being_made_for_them_is_given_up() -> None:
    flow = given(running(max_models_loaded=1, overtake_budget_ms=0), resident("a"), arrived("a"))
    planned = flow.and_then(described("b"), arrived("b"))
    planned.when(started()).then(
        RequestAborted,
        RequestAborted,
        decided(PlanAbandoned, rule="plan.unwanted"),
        decided(ModelDrainCancelled, model="a"),
    )


def test_requests_wait_until_it_is_known_what_is_in_memory() -> None:
    flow = given(started(), described("a"))
    waiting = flow.when(arrived("a")).then(decided(RequestQueued, rule="queue.starting"))
    waiting.when(ManagerReconciled()).then(decided(ModelLoadStarted, model="a"))


def test_nothing_is_unloaded_before_it_is_known_what_is_in_memory() -> None:
    flow = given(running(max_models_loaded=2), resident("a"), resident("b"), started())
    starting = flow.when(configured(max_models_loaded=1, inactivity_timeout_ms=10)).then_nothing()
    starting.and_then(after(1_000)).when(timer()).then_nothing()
    starting.when(ManagerReconciled()).then(EvictionPlanned, ModelDrainStarted, ModelUnloadStarted)


def test_a_model_found_at_the_start_is_used() -> None:
    flow = given(started(), described("a")).when(found("a")).then_nothing()
    flow.and_then(ManagerReconciled()).when(arrived("a")).then(LeaseGranted)


def test_a_load_whose_outcome_nobody_heard_is_settled_by_what_is_in_memory() -> None:
    flow = given(running(), described("a"), arrived("a"), started())
    intent = flow.state.models["a"].intent
    assert intent is not None
    unknown = flow.when(EffectOutcomeUnknown(model="a", intent=intent)).then_nothing()
    assert unknown.when(found("a")).then_nothing().state.models["a"].state is ModelState.READY
    gone = unknown.when(lost("a")).then(ModelWrittenOff)
    assert gone.state.models["a"].state is ModelState.ABSENT


def test_an_unload_whose_outcome_nobody_heard_is_settled_as_well() -> None:
    flow = given(running(max_models_loaded=1), resident("a"), described("b"), arrived("b"), started())
    assert flow.state.models["a"].state is ModelState.UNLOADING
    assert flow.when(unloaded("a")).then_nothing().state.models["a"].state is ModelState.ABSENT
    assert flow.when(found("a")).then_nothing().state.models["a"].state is ModelState.READY


def test_nobody_hears_what_was_freed_for_somebody_who_asked_the_previous_manager() -> None:
    flow = given(running(), resident("a"), FreeRequested(), started())
    assert flow.state.freeing is None
    flow.when(unloaded("a")).then_nothing()


def test_a_failed_model_cools_down_across_a_restart() -> None:
    flow = given(running(load_cooldown_ms=10_000), described("a"), arrived("a"), load_failed("a"), started())
    flow.and_then(ManagerReconciled()).when(arrived("a")).then(
        decided(RequestRejected, rule="queue.cool_down")
    )


# --- preloading ---------------------------------------------------------------------------------------------

_PRELOAD = Settings(preload=("a", "b", "big", "c"))


def test_what_the_settings_want_is_loaded_at_the_start_in_their_order_as_far_as_it_fits() -> None:
    """`big` does not fit beside the others, `c` does."""
    flow = given(
        started(),
        configured(_PRELOAD, max_models_loaded=9, memory_bytes=300),
        *(described("a"), described("b"), described("big", 250), described("c")),
    )
    flow.when(ManagerReconciled()).then(
        decided(ModelLoadStarted, model="a", request=None),
        decided(ModelLoadStarted, model="b", request=None),
        decided(ModelLoadStarted, model="c", request=None),
    )


def test_preloading_evicts_nobody() -> None:
    flow = given(running(max_models_loaded=1), resident("z"), described("a"))
    flow.when(configured(_PRELOAD, max_models_loaded=1)).then_nothing()


def test_what_is_in_memory_need_not_be_preloaded() -> None:
    flow = given(started(), configured(_PRELOAD), described("a"), found("a"))
    flow.when(ManagerReconciled()).then_nothing()


def test_nothing_is_preloaded_while_somebody_lacks_room() -> None:
    flow = given(
        running(memory_bytes=200), resident("z"), arrived("z"), described("a", 50), described("big", 200)
    )
    flow.and_then(arrived("big")).when(configured(_PRELOAD, memory_bytes=200)).then_nothing()


def test_who_waited_since_before_the_start_is_served_before_anything_is_preloaded() -> None:
    flow = given(started(), configured(_PRELOAD, max_models_loaded=1), described("a"), described("z"))
    flow.and_then(arrived("z")).when(ManagerReconciled()).then(decided(ModelLoadStarted, model="z"))


def test_new_settings_preload_as_well() -> None:
    given(running(), described("a")).when(configured(_PRELOAD)).then(decided(ModelLoadStarted, model="a"))


# --- closing ------------------------------------------------------------------------------------------------


def test_a_manager_that_closes_turns_everybody_away_and_unloads_everything() -> None:
    flow = given(
        running(Settings(pins=("b",)), max_models_loaded=2),
        *(resident("a"), resident("b"), arrived("a", "ann"), arrived("a", "bob")),
    )
    flow.when(ManagerStopping()).then(
        decided(LeaseRevoked, request=flow.request("ann"), code="MANAGER_CLOSED", rule="manager.stopping"),
        decided(RequestAborted, request=flow.request("bob"), rule="manager.stopping"),
        decided(ModelDrainStarted, model="a", motive="shutdown"),
        decided(ModelDrainStarted, model="b", motive="shutdown"),
        ModelUnloadStarted,
        ModelUnloadStarted,
    )


def test_a_closing_manager_takes_no_requests() -> None:
    flow = given(running(), described("a"), ManagerStopping())
    flow.when(arrived("a")).then(decided(RequestRejected, code="MANAGER_CLOSED", rule="queue.closed"))
    flow.and_then(ManagerStopped()).when(arrived("a")).then(decided(RequestRejected, code="MANAGER_CLOSED"))


def test_what_was_to_leave_for_somebody_leaves_all_the_same() -> None:
    """The plan is off, and the manager closes: the victim must not be forgotten between the two."""
    flow = given(running(max_models_loaded=1, overtake_budget_ms=0), resident("a"), arrived("a"))
    flow.and_then(described("b"), arrived("b")).when(ManagerStopping()).then(
        LeaseRevoked,
        RequestAborted,
        PlanAbandoned,
        ModelDrainCancelled,
        decided(ModelDrainStarted, model="a", motive="shutdown"),
        ModelUnloadStarted,
    )


def test_a_load_that_ends_while_the_manager_closes_is_unloaded_at_once() -> None:
    flow = given(running(), described("a"), described("b"), arrived("a"), arrived("b"), ManagerStopping())
    flow.when(loaded("a")).then(decided(ModelDrainStarted, motive="shutdown"), ModelUnloadStarted)
    flow.and_then(load_failed("a")).when(found("a")).then(
        decided(ModelDrainStarted, motive="shutdown"), ModelUnloadStarted
    )


def test_a_closing_manager_asks_again_whoever_refused_to_leave() -> None:
    flow = given(running(load_cooldown_ms=1_000), resident("a"), ManagerStopping())
    kept = flow.when(unload_failed("a")).then_nothing()
    kept.when(timer(), after_ms=1_000).then(ModelDrainStarted, ModelUnloadStarted)


def test_a_closed_manager_decides_nothing() -> None:
    flow = given(running(), resident("a"), ManagerStopping(), unloaded("a"), ManagerStopped())
    assert flow.state.host.phase is Phase.STOPPED
    flow.when(sampled(999)).then_nothing()
    flow.when(timer(), after_ms=10**9).then_nothing()


# --- in between ---------------------------------------------------------------------------------------------


def test_recording_a_digest_decides_only_what_time_has_brought() -> None:
    flow = given(running(overtake_budget_ms=1_000, max_models_loaded=1), resident("a", slots=2), arrived("a"))
    waiting = flow.and_then(described("b"), arrived("b"), arrived("a"))
    waiting.when(StateDigested(digest="")).then_nothing()
    waiting.when(StateDigested(digest=""), after_ms=1_000).then(EvictionPlanned, ModelDrainStarted)


def test_time_does_not_go_back() -> None:
    flow = given(running(), resident("a"), after(10), arrived("a"))
    assert flow.and_then(after(-10_000), finished("a")).state.at == flow.state.at
