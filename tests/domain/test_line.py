"""Who is served before whom: arrival and priority, bounded overtaking, deadlines, a full queue."""

import pytest

from bursar.domain.models.events import (
    EvictionPlanned,
    ModelDrainStarted,
    ModelLoadStarted,
    ModelUnloadStarted,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.requests.events import (
    LeaseGranted,
    LeaseRevoked,
    RequestCancelled,
    RequestExpired,
    RequestFinished,
    RequestQueued,
    RequestRejected,
)
from bursar.domain.requests.line import line, overdue
from bursar.domain.settings import Queue, Settings
from bursar.testing.facts import (
    arrived,
    cancelled,
    configured,
    described,
    finished,
    loaded,
    resident,
    running,
    timer,
    unloaded,
)
from bursar.testing.specification import Given, after, decided, given


def busy(**limits: int) -> Given:
    """One place, taken by `a`, which somebody holds; `b` and `c` are known."""
    limits = {"max_models_loaded": 1, **limits}
    return given(
        running(**limits), resident("a", slots=9), arrived("a"), described("b"), described("c"), after(1)
    )


def overtaken(**limits: int) -> Given:
    """As `busy`, and ann, who wants `b`, is overtaken by somebody who wants `a`."""
    return busy(**limits).and_then(arrived("b", "ann"), arrived("a", "bob"))


# --- order --------------------------------------------------------------------------------------------------


def test_requests_for_a_model_are_served_in_the_order_of_their_arrival() -> None:
    flow = given(running(), resident("a"), arrived("a"), arrived("a", "ann"), arrived("a", "bob"))
    second = flow.when(finished("a")).then(decided(LeaseGranted, request=flow.request("ann")))
    second.when(finished("a")).then(decided(LeaseGranted, request=flow.request("bob")))


def test_the_more_urgent_is_served_first() -> None:
    flow = given(running(), resident("a"), arrived("a"), arrived("a", "ann"), arrived("a", "bob", priority=1))
    flow.when(finished("a")).then(decided(LeaseGranted, request=flow.request("bob")))


def test_the_more_urgent_gets_the_room_that_two_want() -> None:
    flow = busy().and_then(arrived("b", "ann"), arrived("c", "bob", priority=1))
    step = flow.when(finished("a"))
    plan = step.of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert plan.model == "c"


# --- bounded overtaking -------------------------------------------------------------------------------------


def test_a_request_for_a_model_in_memory_is_served_ahead_of_one_that_lacks_room() -> None:
    flow = busy().and_then(arrived("b", "ann"))
    step = flow.when(arrived("a", "bob"))
    step.then(LeaseGranted)
    assert step.given.state.requests[flow.request("ann")].overtaken_since == step.given.state.at


def test_the_budget_runs_from_the_first_time_somebody_is_overtaken() -> None:
    flow = overtaken(overtake_budget_ms=10_000)
    began = flow.state.requests[flow.request("ann")].overtaken_since
    later = flow.and_then(after(5_000), arrived("a"))
    assert later.state.requests[flow.request("ann")].overtaken_since == began


def test_whoever_waits_for_a_load_is_not_overtaken() -> None:
    flow = given(running(max_models_loaded=2), resident("a"), described("b"), arrived("b", "ann"))
    served = flow.when(arrived("a")).then(LeaseGranted)
    assert served.state.requests[flow.request("ann")].overtaken_since is None


def test_whoever_waits_for_a_slot_is_overtaken_by_the_more_urgent_that_get_it() -> None:
    flow = given(running(), resident("a"), arrived("a"), arrived("a", "ann"), arrived("a", priority=1))
    served = flow.and_then(finished("a"))
    assert served.state.requests[flow.request("ann")].overtaken_since == served.state.at


def test_making_room_for_somebody_who_came_later_overtakes_as_well() -> None:
    flow = busy().and_then(arrived("b", "ann"), arrived("c", "bob", priority=1), finished("a"))
    assert flow.state.requests[flow.request("ann")].overtaken_since == flow.state.at


def test_when_the_budget_is_spent_a_model_is_drained_although_it_is_in_use() -> None:
    flow = overtaken(overtake_budget_ms=10_000)
    flow.when(timer(), after_ms=9_999).then_nothing()
    flow.when(timer(), after_ms=10_000).then(
        decided(EvictionPlanned, model="b", victims=("a",)),
        decided(ModelDrainStarted, model="a", motive="evicted", leases=2),
    )


def test_a_draining_model_serves_whom_it_serves_and_takes_nobody_new() -> None:
    flow = overtaken(overtake_budget_ms=10_000).and_then(after(10_000), timer())
    late = flow.when(arrived("a", "late")).then(decided(RequestQueued, rule="queue.draining"))
    one_left = late.when(finished("a")).then_nothing()
    gone = one_left.when(finished("a")).then(decided(ModelUnloadStarted, model="a", motive="evicted"))
    gone.when(unloaded("a")).then(decided(ModelLoadStarted, model="b"))


def test_those_who_want_a_displaced_model_queue_behind_the_load_that_displaced_it() -> None:
    flow = overtaken(overtake_budget_ms=10_000).and_then(
        after(10_000), timer(), arrived("a", "late"), finished("a"), finished("a"), unloaded("a")
    )
    served = flow.when(loaded("b")).then(decided(LeaseGranted, request=flow.request("ann")))
    served.when(finished("b")).then(
        decided(EvictionPlanned, model="a", request=flow.request("late"), victims=("b",)),
        ModelDrainStarted,
        ModelUnloadStarted,
    )


def test_steady_traffic_to_one_model_cannot_starve_another() -> None:
    """There is never a moment at which nobody holds `a`; after the budget it is drained all the same."""
    flow = busy(overtake_budget_ms=10_000).and_then(arrived("b", "ann"))
    turns = 0
    while flow.state.models["a"].state is ModelState.READY:
        flow = flow.and_then(finished("a")) if turns else flow
        flow = flow.and_then(after(500), arrived("a"))
        turns += 1
    assert turns * 500 == 500 + 10_000
    assert flow.state.models["a"].leases
    drained = flow.and_then(*(finished("a"),) * len(flow.state.models["a"].leases), unloaded("a"))
    drained.when(loaded("b")).then(decided(LeaseGranted, request=flow.request("ann")))


def test_a_budget_of_nothing_is_strict_order() -> None:
    """Who finds no room has it made at once, from models in use, and priority changes nothing."""
    flow = busy(overtake_budget_ms=0)
    displaced = flow.when(arrived("b", "ann")).then(
        decided(EvictionPlanned, model="b", victims=("a",)), ModelDrainStarted, RequestQueued
    )
    urgent = displaced.when(arrived("a", "bob", priority=9)).then(RequestQueued)
    assert [request.position for request in line(urgent.state)] == [
        urgent.request("ann"),
        urgent.request("bob"),
    ]


def test_among_the_overdue_priority_counts_no_more() -> None:
    flow = busy(overtake_budget_ms=10_000).and_then(
        arrived("b", "ann"), arrived("c", "bob", priority=9), arrived("a"), after(10_000)
    )
    state = flow.when(described("d")).given.state
    assert all(overdue(state, request) for request in line(state))
    assert [request.agent for request in line(state)] == ["ann", "bob"]


def test_an_overdue_request_bars_the_way_for_those_who_came_later() -> None:
    """`big` must wait for `b`, which is being loaded; until then `a` takes nobody new."""
    flow = given(
        running(memory_bytes=200, overtake_budget_ms=0), resident("a"), described("b"), described("big", 200)
    ).and_then(arrived("b"), arrived("big", "ann"))
    step = flow.when(arrived("a"))
    step.then(decided(RequestQueued, rule="queue.barrier"))
    queued = step.of(RequestQueued)
    assert isinstance(queued, RequestQueued)
    assert queued.reason.evidence == {"ahead": flow.request("ann")}


def test_the_way_is_not_barred_for_those_who_came_earlier() -> None:
    """bob is overdue, ann is not: but she came first, and `b` was loaded for her."""
    flow = given(running(max_models_loaded=1, overtake_budget_ms=1_000), described("b"), described("c"))
    waiting = flow.and_then(arrived("b", "ann"), arrived("c", "bob"), arrived("c", priority=1))
    state = waiting.state
    late = {**state.requests}
    assert waiting.request("ann") in late
    step = waiting.and_then(after(5_000)).when(loaded("b"))
    assert decided(LeaseGranted, request=waiting.request("ann")).matches(step.decisions[0])


def test_the_way_is_not_barred_to_what_nobody_could_have_anyway() -> None:
    """A pinned model keeps its room, so serving it delays nobody."""
    flow = given(
        running(Settings(pins=("a",)), memory_bytes=300, overtake_budget_ms=0),
        *(resident("a"), described("b"), described("big", 200), arrived("b"), arrived("big", "ann")),
    )
    flow.when(arrived("a")).then(decided(LeaseGranted, model="a"))


def test_the_way_is_barred_only_to_the_resource_that_is_short() -> None:
    flow = given(
        running(memory_bytes=100, max_models_loaded=9, overtake_budget_ms=0),
        *(described("a"), resident("g", device="gpu0"), described("b"), arrived("a"), arrived("b")),
    )
    flow.when(arrived("g")).then(decided(LeaseGranted, model="g"))


def test_an_overdue_request_takes_the_idle_before_those_in_use() -> None:
    """`idle` is wanted by somebody who came later, which protects it only from those who are not overdue."""
    flow = given(
        running(memory_bytes=200, overtake_budget_ms=1_000),
        *(resident("busy"), resident("idle"), described("b"), arrived("busy"), arrived("idle")),
        *(arrived("b", "ann"), arrived("idle", "bob"), arrived("busy", "eve")),
    )
    overdue_now = flow.and_then(arrived("busy", priority=1), finished("busy"), after(1_000))
    step = overdue_now.when(finished("idle"))
    plan = step.of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert (plan.model, plan.victims) == ("b", ("idle",))


def test_a_model_is_not_displaced_while_somebody_who_came_earlier_waits_for_it() -> None:
    flow = given(running(max_models_loaded=1, overtake_budget_ms=0), resident("a"), arrived("a"))
    flow.and_then(arrived("a", "ann"), described("b")).when(arrived("b")).then(
        decided(RequestQueued, rule="admission.wait")
    )


def test_two_overdue_requests_do_not_take_the_room_from_each_other() -> None:
    """Each is served once before the other gets the place, whatever their budget."""
    flow = given(running(max_models_loaded=1, overtake_budget_ms=0), described("a"), described("b"))
    flow = flow.and_then(arrived("a", "ann"), arrived("b", "bob"))
    first = flow.when(loaded("a")).then(
        decided(LeaseGranted, request=flow.request("ann")),
        decided(EvictionPlanned, model="b", victims=("a",)),
        ModelDrainStarted,
    )
    second = first.and_then(finished("a"), unloaded("a"))
    second.when(loaded("b")).then(decided(LeaseGranted, request=flow.request("bob")))


def test_settings_can_spend_or_restore_a_budget() -> None:
    flow = overtaken(overtake_budget_ms=60_000).and_then(after(1_000))
    flow.when(configured(max_models_loaded=1, overtake_budget_ms=500)).then(
        EvictionPlanned, ModelDrainStarted
    )


# --- deadlines and leases -----------------------------------------------------------------------------------


def test_a_request_expires_when_its_deadline_passes() -> None:
    flow = busy().and_then(arrived("b", deadline_ms=1_000))
    flow.when(timer(), after_ms=999).then_nothing()
    flow.when(timer(), after_ms=1_000).then(
        decided(RequestExpired, model="b", waited_ms=1_000, rule="queue.deadline")
    )


def test_a_request_that_was_granted_has_no_deadline_any_more() -> None:
    given(running(), resident("a"), arrived("a", deadline_ms=10)).when(timer(), after_ms=20).then_nothing()


def test_an_expired_request_is_not_served_by_what_happens_at_that_moment() -> None:
    flow = given(running(), described("a"), arrived("a", deadline_ms=1_000))
    flow.when(loaded("a"), after_ms=1_000).then(RequestExpired)


def test_a_lease_that_is_held_too_long_is_taken_back_and_the_next_is_served() -> None:
    flow = given(running(lease_max_ms=5_000), resident("a"), arrived("a", "ann"), arrived("a", "bob"))
    flow.when(timer(), after_ms=4_999).then_nothing()
    flow.when(timer(), after_ms=5_000).then(
        decided(
            LeaseRevoked,
            request=flow.request("ann"),
            code="LEASE_EXPIRED",
            values={"model": "a", "held_ms": "5000"},
            rule="lease.max",
        ),
        decided(LeaseGranted, request=flow.request("bob")),
    )


# --- the queue ----------------------------------------------------------------------------------------------


def full(**limits: int) -> Given:
    """One may wait, and does: for `b`, while somebody holds `a`."""
    return given(
        running(Settings(queue=Queue(max_waiting=1)), max_models_loaded=1, **limits),
        *(resident("a", slots=2), described("b"), arrived("a"), arrived("b", "ann")),
    )


def test_a_request_that_would_have_to_wait_is_refused_when_as_many_wait_as_may() -> None:
    step = full().when(arrived("b"))
    step.then(decided(RequestRejected, code="QUEUE_FULL", rule="queue.full"))
    refused = step.decisions[0]
    assert isinstance(refused, RequestRejected)
    assert refused.values == {"waiting": "1", "limit": "1"}


def test_a_full_queue_is_no_obstacle_to_who_need_not_wait() -> None:
    full().when(arrived("a")).then(LeaseGranted)


def test_a_free_lease_that_is_barred_does_not_let_anybody_into_a_full_queue() -> None:
    flow = given(
        running(Settings(queue=Queue(max_waiting=2)), memory_bytes=200, overtake_budget_ms=0),
        *(resident("a"), described("b"), described("big", 200), arrived("b"), arrived("big")),
    )
    flow.when(arrived("a")).then(decided(RequestRejected, code="QUEUE_FULL"))


def test_who_waits_already_is_not_turned_away_when_the_queue_is_made_shorter() -> None:
    flow = busy().and_then(arrived("b"), arrived("b"))
    shorter = Settings(queue=Queue(max_waiting=0))
    flow.when(configured(shorter, max_models_loaded=1)).then_nothing()


# --- the end of a request -----------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [RequestCancelled, RequestFinished])
def test_the_end_of_a_request_that_has_ended_changes_nothing(
    again: type[RequestCancelled | RequestFinished],
) -> None:
    flow = given(running(), resident("a"), arrived("a", "ann"), finished("a"))
    request = flow.request("ann")
    fact = (
        RequestCancelled(request=request)
        if again is RequestCancelled
        else RequestFinished(request=request, outcome="failed", held_ms=1)
    )
    twice = flow.when(fact).then_nothing()
    assert twice.state.totals == flow.state.totals


def test_a_cancelled_request_waits_no_more() -> None:
    flow = busy().and_then(arrived("b"), cancelled("b"))
    assert flow.state.waiting() == []
    assert flow.state.totals.cancelled == 1


def test_tokens_are_counted() -> None:
    flow = given(running(), resident("a"), arrived("a", "ann"))
    fact = RequestFinished(
        request=flow.request("ann"), outcome="completed", held_ms=1, prompt_tokens=3, completion_tokens=4
    )
    totals = flow.and_then(fact).state.totals
    assert (totals.completed, totals.prompt_tokens, totals.completion_tokens) == (1, 3, 4)
