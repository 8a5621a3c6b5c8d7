"""A model that is asked for is loaded and lent; what it took is remembered, what failed is not repeated."""

from bursar.domain.models.events import (
    ModelCooledDown,
    ModelDescribed,
    ModelLoadStarted,
    ModelWrittenOff,
)
from bursar.domain.models.ledger import expected_memory
from bursar.domain.models.machine import ModelState
from bursar.domain.requests.events import (
    LeaseGranted,
    LeaseRevoked,
    RequestQueued,
    RequestRejected,
)
from bursar.domain.settings import Settings
from bursar.domain.state import State
from bursar.testing.facts import (
    arrived,
    cancelled,
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
    timer,
)
from bursar.testing.specification import after, decided, given


def test_a_model_that_is_asked_for_is_loaded() -> None:
    given(running(), described("a", 100)).when(arrived("a", "ann")).then(
        decided(ModelLoadStarted, model="a", need={"models": 1, "ram": 100}, rule="admission.fits"),
        decided(RequestQueued, model="a", rule="queue.loading"),
    )


def test_whoever_asked_gets_a_lease_once_it_is_loaded() -> None:
    flow = given(running(), described("a"), arrived("a", "ann"))
    flow.when(loaded("a"), after_ms=4_000).then(
        decided(LeaseGranted, request=flow.request("ann"), waited_ms=4_000)
    )


def test_a_request_joins_a_load_that_is_under_way() -> None:
    flow = given(running(), described("a", slots=2), arrived("a", "ann"))
    joined = flow.when(arrived("a", "bob")).then(decided(RequestQueued, rule="queue.loading"))
    joined.when(loaded("a")).then(
        decided(LeaseGranted, request=joined.request("ann")),
        decided(LeaseGranted, request=joined.request("bob")),
    )


def test_a_model_in_memory_is_lent_at_once() -> None:
    given(running(), resident("a")).when(arrived("a")).then(decided(LeaseGranted, waited_ms=0))


def test_a_model_is_lent_to_as_many_at_once_as_it_has_slots() -> None:
    full = given(running(), resident("a", slots=2), arrived("a"), arrived("a"))
    waiting = full.when(arrived("a", "eve")).then(decided(RequestQueued, rule="queue.slots"))
    waiting.when(finished("a")).then(decided(LeaseGranted, request=waiting.request("eve")))


def test_the_slots_that_count_are_those_the_provider_reports() -> None:
    described_with_two = given(running(), described("a", slots=2))
    fact = found("a")(described_with_two.state)
    flow = described_with_two.and_then(
        fact.model_copy(update={"residency": fact.residency.model_copy(update={"slots": 1})})
    )
    flow.and_then(arrived("a")).when(arrived("a")).then(decided(RequestQueued, rule="queue.slots"))


def test_a_lease_ends_when_its_holder_cancels() -> None:
    flow = given(running(), resident("a"), arrived("a", "ann"), arrived("a", "bob"))
    flow.when(cancelled("a")).then(decided(LeaseGranted, request=flow.request("bob")))


def test_a_model_nobody_described_is_refused() -> None:
    given(running()).when(arrived("a")).then(
        decided(RequestRejected, code="INVALID_MODEL_ID", rule="queue.unknown")
    )


def test_a_failed_load_turns_away_all_who_waited_for_it_with_the_cause() -> None:
    flow = given(running(), described("a"), described("b"), arrived("a"), arrived("a"), arrived("b"))
    failed = flow.when(load_failed("a", "no such file"))
    failed.then(
        decided(RequestRejected, model="a", code="MODEL_LOAD_FAILED", rule="load.failed"),
        decided(RequestRejected, model="a", code="MODEL_LOAD_FAILED", rule="load.failed"),
    )
    rejection = failed.decisions[0]
    assert isinstance(rejection, RequestRejected)
    assert rejection.values == {"model": "a", "cause": "no such file"}


def test_a_model_that_could_not_be_loaded_is_not_tried_again_before_its_pause_is_over() -> None:
    failed = given(running(load_cooldown_ms=10_000), described("a"), arrived("a"), load_failed("a", "broken"))
    early = failed.when(arrived("a"), after_ms=9_999)
    early.then(decided(RequestRejected, code="MODEL_LOAD_FAILED", rule="queue.cool_down"))
    rejection = early.decisions[0]
    assert isinstance(rejection, RequestRejected)
    assert rejection.values["retry_after_ms"] == "1"
    assert rejection.values["cause"] == "broken (failure 1 in a row; to be tried again in 1 ms)"
    failed.when(arrived("a"), after_ms=10_000).then(
        decided(ModelCooledDown, model="a", rule="load.cool_down"), ModelLoadStarted, RequestQueued
    )


def test_the_pause_doubles_with_every_failure_in_a_row_up_to_64_times() -> None:
    flow = given(running(load_cooldown_ms=10), described("a"))
    pauses: list[int] = []
    for _ in range(9):
        flow = flow.and_then(arrived("a"), load_failed("a"))
        pauses.append((flow.state.models["a"].retry_at - flow.state.at) // 1_000_000)
        flow = flow.and_then(after(pauses[-1]), timer())
    assert pauses == [10, 20, 40, 80, 160, 320, 640, 640, 640]


def test_a_load_that_succeeds_forgets_the_failures() -> None:
    flow = given(running(load_cooldown_ms=10), described("a"), arrived("a"), load_failed("a"), after(10))
    again = flow.and_then(timer(), arrived("a"), loaded("a"))
    assert again.state.models["a"].failures == 0
    assert again.state.models["a"].failure == ""


def test_a_pause_of_nothing_is_over_at_once() -> None:
    flow = given(running(load_cooldown_ms=0), described("a"), arrived("a"))
    flow.when(load_failed("a")).then(RequestRejected, ModelCooledDown)


def test_leases_on_a_lost_model_are_revoked_and_it_is_loaded_again_for_those_who_wait() -> None:
    flow = given(running(), resident("a"), arrived("a", "ann"), arrived("a", "bob"))
    flow.when(lost("a", "killed")).then(
        decided(
            LeaseRevoked,
            request=flow.request("ann"),
            code="MODEL_LOST",
            values={"model": "a", "cause": "killed"},
            rule="lease.model_lost",
        ),
        decided(ModelWrittenOff, model="a", rule="model.lost"),
        decided(ModelLoadStarted, model="a", request=flow.request("bob")),
    )


def test_a_lost_model_that_nobody_wants_stays_away() -> None:
    flow = given(running(), resident("a")).when(lost("a")).then(ModelWrittenOff)
    assert flow.state.models["a"].state is ModelState.ABSENT
    assert flow.state.models["a"].memory == {}


def test_the_next_load_is_expected_to_take_what_the_last_one_did() -> None:
    flow = given(running(), described("a", 100), arrived("a"), loaded("a", 80), finished("a"), lost("a"))
    flow.when(arrived("a")).then(decided(ModelLoadStarted, need={"models": 1, "ram": 80}), RequestQueued)
    assert flow.state.models["a"].description
    assert expected_memory(flow.state, flow.state.models["a"].description) == ({"ram": 80}, "measured")


def test_a_model_that_grows_counts_with_the_most_it_was_seen_to_take() -> None:
    """Also after its next load: it will grow again."""
    flow = given(
        running(), described("a", 100), arrived("a"), loaded("a", 80), sampled(500, models={"a": 130})
    )
    assert flow.state.models["a"].memory == {"ram": 130}
    shrunk = flow.and_then(sampled(300, models={"a": 20}))
    assert shrunk.state.models["a"].memory == {"ram": 130}
    again = shrunk.and_then(finished("a"), lost("a"), arrived("a"), loaded("a", 80))
    assert again.state.models["a"].memory == {"ram": 130}


def test_what_was_measured_holds_for_the_same_weights_only() -> None:
    """Of other weights it corrects the estimate: one load that took 200 ‰ less tells of -500 to +300 ‰."""
    flow = given(running(), described("a", 100), arrived("a"), loaded("a", 80), finished("a"), lost("a"))
    flow.and_then(described("a", 100, digest="new weights")).when(arrived("a")).then(
        decided(ModelLoadStarted, need={"models": 1, "ram": 130}), RequestQueued
    )


def test_new_weights_are_not_charged_with_what_the_old_ones_in_memory_take() -> None:
    flow = given(running(), described("a", 100), arrived("a"), loaded("a", 100), finished("a"))
    replaced = flow.and_then(described("a", 50, digest="new weights"), sampled(300, models={"a": 130}))
    assert _expected(replaced.state, "a") == {"ram": 50}


def test_what_somebody_else_loaded_in_another_way_is_not_taken_for_a_measurement() -> None:
    flow = given(running(), described("a", 100))
    fact = found("a", 300)(flow.state)
    other = fact.residency.model_copy(update={"context_tokens": 99})
    known = flow.and_then(fact.model_copy(update={"residency": other}))
    assert known.state.models["a"].memory == {"ram": 300}
    assert _expected(known.state, "a") == {"ram": 100}


def test_a_model_that_nobody_described_counts_as_well_when_it_is_found_in_memory() -> None:
    known = given(running(), described("a", 70)).state
    fact = found("a")(known)
    flow = given(running(), fact).when(arrived("a")).then(decided(RequestRejected, code="INVALID_MODEL_ID"))
    assert flow.state.models["a"].memory == {"ram": 70}
    assert flow.state.calibration.measured == {}


def test_what_the_user_says_of_a_size_counts_more_than_any_measurement() -> None:
    flow = given(running(), described("a", 100), arrived("a"), loaded("a", 80), finished("a"), lost("a"))
    flow.and_then(configured(Settings(model_sizes={"a": 70}))).when(arrived("a")).then(
        decided(ModelLoadStarted, need={"models": 1, "ram": 70}), RequestQueued
    )


def test_load_times_are_smoothed() -> None:
    flow = given(running(), described("a"), arrived("a"), loaded("a", load_ms=1_000), lost("a"))
    assert flow.state.models["a"].load_ms == 1_000
    again = flow.and_then(arrived("a"), loaded("a", load_ms=2_000))
    assert again.state.models["a"].load_ms == 1_250


def test_a_description_by_itself_leads_to_nothing() -> None:
    step = given(running()).when(described("a"))
    assert isinstance(step.step.fact.body, ModelDescribed)
    step.then_nothing()


def _expected(state: State, model: str) -> dict[str, int]:
    description = state.models[model].description
    assert description
    return expected_memory(state, description)[0]
