"""When a breaker opens, what it lets through, and how it closes again."""

import pytest

from bursar.domain.models.events import ModelLoadStarted, PlanAbandoned
from bursar.domain.requests.events import LeaseGranted, RequestFinished, RequestQueued, RequestRejected
from bursar.domain.resilience.events import BreakerChanged
from bursar.domain.resilience.gate import refusing
from bursar.domain.resilience.machine import BreakerState
from bursar.domain.resilience.ramp import allowed, next_step
from bursar.domain.resilience.settings import Ramp
from bursar.domain.state import State
from bursar.domain.timers import next_wakeup
from bursar.testing.facts import (
    arrived,
    cancelled,
    configured,
    described,
    load_failed,
    loaded,
    lost,
    timer,
)
from bursar.testing.specification import Given, Happening, LateFact, after, decided

from .support import (
    MODEL,
    RAMP_MS,
    WAIT_MS,
    answered,
    breaker,
    breaking,
    by_hand,
    call,
    failed,
    opened,
    serving,
)

OPENED = decided(BreakerChanged, before=BreakerState.CLOSED, after=BreakerState.OPEN)


def half_open(**changes: int) -> Given:
    """A breaker that has just become half open."""
    return opened(breaking(**changes)).and_then(after(WAIT_MS), timer())


def recovering() -> Given:
    """A breaker whose probes have succeeded."""
    return half_open().and_then(call(answered(), 2))


# --- closed -------------------------------------------------------------------------------------------------


def test_embeddings_count_as_well_though_nobody_knows_how_long_they_should_take() -> None:
    embedding = arrived(MODEL).model_copy(update={"purpose": "embed"})
    bad: list[Happening] = [embedding, failed()]
    quick: list[Happening] = [embedding, answered(held_ms=1)]
    slow: list[Happening] = [embedding, answered(held_ms=1_000_000)]
    flow = serving().and_then(*bad * 3, embedding)
    assert isinstance(flow.when(failed()).of(BreakerChanged), BreakerChanged)
    flow = serving().and_then(*quick * 9, *slow * 9)
    known = breaker(flow.state)
    assert (known.state, known.paces) == (BreakerState.CLOSED, {})
    # Good ones make bad ones the fewer.
    assert breaker(flow.and_then(*bad * 4).state).state is BreakerState.CLOSED


def test_nothing_is_judged_before_there_are_enough_calls() -> None:
    flow = serving().and_then(call(failed(), 3))
    assert breaker(flow.state).state is BreakerState.CLOSED
    decision = flow.and_then(arrived(MODEL)).when(failed()).of(BreakerChanged)
    assert isinstance(decision, BreakerChanged)
    assert (decision.calls, decision.failed, decision.slow, decision.wait_ms) == (4, 4, 0, WAIT_MS)
    assert [test.what for test in decision.reason.tests] == ["calls", "failure rate per mille"]


def test_it_opens_at_the_threshold_and_not_below() -> None:
    below = serving().and_then(call(answered(), 3), call(failed(), 2))
    assert breaker(below.state).state is BreakerState.CLOSED
    below.and_then(arrived(MODEL)).when(failed()).then(OPENED)


def test_old_calls_leave_the_window_of_calls() -> None:
    flow = serving(breaking(sliding_window_size=4)).and_then(call(failed(), 1), call(answered(), 4))
    assert breaker(flow.state).window.calls == "...."


def test_old_calls_leave_the_window_of_time() -> None:
    timed = breaking(sliding_window_type="time", sliding_window_size=60)
    flow = serving(timed).and_then(call(failed(), 3), after(60_000))
    late = flow.and_then(call(failed(), 3))
    assert breaker(late.state).state is BreakerState.CLOSED
    late.and_then(arrived(MODEL)).when(failed()).then(OPENED)


@pytest.mark.parametrize(
    "code",
    ["CONTEXT_TOO_LARGE", "PROMPT_TRUNCATED", "INVALID_MODEL_ID", "UNSUPPORTED", "PROVIDER_AUTH_FAILED"],
)
def test_what_is_not_the_providers_fault_counts_neither_way(code: str) -> None:
    flow = serving().and_then(call(failed(code=code), 20))
    assert breaker(flow.state).window.calls == ""


def test_a_cancelled_call_counts_neither_way() -> None:
    flow = serving().and_then(call(failed(), 3), arrived(MODEL), cancelled(MODEL))
    assert breaker(flow.state).window.calls == "fff"


def test_a_load_that_fails_by_the_provider_counts_and_one_that_fails_by_itself_does_not() -> None:
    flow = serving().and_then(call(failed(), 3), described("p:new"), arrived("p:new"))
    flow.when(load_failed("p:new")).then(decided(RequestRejected, code="MODEL_LOAD_FAILED"))
    gone = load_failed("p:new").model_copy(update={"code": "PROVIDER_UNAVAILABLE"})
    flow.when(gone).then(decided(RequestRejected, code="PROVIDER_UNAVAILABLE"), OPENED)


def test_a_model_that_vanishes_fails_whoever_holds_it() -> None:
    flow = serving().and_then(call(failed(), 2), arrived(MODEL), arrived(MODEL))
    decisions = [type(decision) for decision in flow.when(lost(MODEL)).decisions]
    assert BreakerChanged in decisions


# --- slow calls ---------------------------------------------------------------------------------------------


def test_no_call_is_slow_before_there_are_enough_to_compare_with() -> None:
    flow = serving().and_then(call(answered(held_ms=600_000, first_token_ms=300_000), 19))
    assert "s" not in breaker(flow.state).window.calls


@pytest.mark.parametrize(
    ("outcome", "slow"),
    [
        (answered(held_ms=100 + 90 * 20, first_token_ms=100, tokens=19), False),  # long, and not slow
        (answered(held_ms=1200, first_token_ms=301), True),  # late with the first token
        (answered(held_ms=1200, first_token_ms=300), False),
        (answered(held_ms=100 + 9 * 301, first_token_ms=100), True),  # 301 ms a token instead of 100
        (answered(held_ms=5000, first_token_ms=4100, load_ms=4000), False),  # it was loaded first
    ],
)
def test_slow_is_three_times_the_95th_percentile_of_the_model(outcome: LateFact, slow: bool) -> None:
    flow = serving().and_then(call(answered(held_ms=1000, first_token_ms=100), 20), arrived(MODEL))
    flow = flow.and_then(outcome)
    assert breaker(flow.state).window.calls.endswith("s" if slow else ".")


def test_slow_calls_alone_open_it_and_what_is_usual_is_learnt_anew() -> None:
    usual = serving(breaking(sliding_window_size=4)).and_then(call(answered(), 20))
    slow = answered(held_ms=10_000, first_token_ms=9_000)
    flow = usual.and_then(call(slow, 3), arrived(MODEL))
    decision = flow.when(slow).of(BreakerChanged)
    assert isinstance(decision, BreakerChanged)
    assert (decision.slow, decision.reason.rule) == (4, "breaker.slow_call_rate")
    assert breaker(flow.and_then(slow).state).paces == {}


def test_a_fixed_threshold_is_for_the_whole_call() -> None:
    flow = serving(breaking(slow_call_duration_threshold_ms=5_000)).and_then(arrived(MODEL), arrived(MODEL))
    flow = flow.and_then(answered(held_ms=5_000), answered(held_ms=5_001))
    assert breaker(flow.state).window.calls == ".s"


# --- open ---------------------------------------------------------------------------------------------------


def test_open_rejects_with_what_is_left_of_the_wait() -> None:
    flow = opened().and_then(after(20_000))
    rejected = flow.when(arrived(MODEL)).of(RequestRejected)
    assert isinstance(rejected, RequestRejected)
    assert rejected.code == "CIRCUIT_OPEN"
    assert rejected.values == {
        "provider": "p",
        "state": "open",
        "cause": "4 of 4 calls failed",
        "retry_after_ms": "40000",
    }
    assert rejected.reason.evidence == {"breaker": breaker(flow.state).position}


def test_opening_turns_away_who_waits_and_plans_no_more_for_them() -> None:
    flow = serving(slots=4).and_then(call(failed(), 3), *[arrived(MODEL)] * 4, arrived(MODEL, "waiting"))
    waiting = flow.request("waiting")
    flow.when(failed()).then(OPENED, decided(RequestRejected, request=waiting, code="CIRCUIT_OPEN"))


def test_while_open_no_load_is_started() -> None:
    flow = opened().and_then(described("p:new"))
    flow.when(arrived("p:new")).then(decided(RequestRejected, code="CIRCUIT_OPEN"))


def test_a_plan_for_its_model_is_given_up_when_it_opens() -> None:
    limited = configured(breaking(), max_models_loaded=1, overtake_budget_ms=0)
    flow = serving(breaking()).and_then(limited, call(failed(), 3), arrived(MODEL), described("p:new"))
    planned = flow.and_then(arrived("p:new"))
    assert "p:new" in planned.state.plans
    decisions = [type(decision) for decision in planned.when(failed()).decisions]
    assert decisions[:3] == [BreakerChanged, RequestRejected, PlanAbandoned]
    assert ModelLoadStarted not in decisions


def test_each_opening_in_a_row_waits_longer() -> None:
    flow = opened()
    waits: list[int] = []
    for _ in range(5):
        waits.append((breaker(flow.state).until - flow.state.at) // 1_000_000)
        flow = flow.and_then(after(waits[-1]), timer(), call(failed(), 2))
    assert waits == [60_000, 120_000, 240_000, 480_000, 600_000]


# --- half open ----------------------------------------------------------------------------------------------


def test_the_wait_over_it_lets_a_few_calls_through() -> None:
    flow = opened()
    assert next_wakeup(flow.state) == breaker(flow.state).until
    flow = flow.and_then(after(WAIT_MS))
    flow.when(timer()).then(decided(BreakerChanged, after=BreakerState.HALF_OPEN, rule="breaker.wait_over"))
    probing = flow.and_then(timer(), arrived(MODEL), arrived(MODEL))
    probing.when(arrived(MODEL)).then(decided(RequestQueued, rule="queue.breaker"))


def test_a_load_is_one_of_the_calls_let_through() -> None:
    flow = half_open().and_then(described("p:new"))
    flow = flow.and_then(arrived("p:new"), arrived(MODEL))
    flow.when(arrived(MODEL)).then(decided(RequestQueued, rule="queue.breaker"))
    after_load = flow.when(loaded("p:new"))
    assert breaker(after_load.given.state).window.calls == "."


def test_the_probes_succeed_and_it_recovers() -> None:
    flow = half_open().and_then(arrived(MODEL), arrived(MODEL), answered())
    flow.when(answered()).then(decided(BreakerChanged, after=BreakerState.RECOVERING, calls=2, failed=0))


def test_the_probes_fail_and_it_opens_again() -> None:
    flow = half_open().and_then(arrived(MODEL), arrived(MODEL), answered())
    flow.when(failed()).then(decided(BreakerChanged, after=BreakerState.OPEN, calls=2, failed=1))


def test_without_a_ramp_it_closes_at_once() -> None:
    flow = opened(breaking(ramp=Ramp(window_ms=0))).and_then(after(WAIT_MS), timer(), call(answered(), 1))
    flow.and_then(arrived(MODEL)).when(answered()).then(decided(BreakerChanged, after=BreakerState.CLOSED))


def test_a_cancelled_probe_neither_closes_nor_strands_it() -> None:
    flow = half_open().and_then(arrived(MODEL), arrived(MODEL), cancelled(MODEL), cancelled(MODEL))
    assert breaker(flow.state).state is BreakerState.HALF_OPEN
    assert breaker(flow.state).probes == ()
    flow.and_then(call(answered(), 1), arrived(MODEL)).when(answered()).then(
        decided(BreakerChanged, after=BreakerState.RECOVERING)
    )


def test_a_probe_whose_end_says_nothing_gives_its_permit_back() -> None:
    flow = half_open().and_then(call(failed(code="CONTEXT_TOO_LARGE"), 3))
    assert (breaker(flow.state).probes, breaker(flow.state).window.calls) == ((), "")


def test_what_began_before_it_opened_is_no_probe() -> None:
    flow = serving().and_then(arrived(MODEL, "early"), arrived(MODEL), arrived(MODEL))
    flow = flow.and_then(*[(arrived(MODEL), _newest_failed) for _ in range(4)])
    flow = flow.and_then(after(WAIT_MS), timer(), failed(), failed(), failed())
    assert breaker(flow.state).state is BreakerState.HALF_OPEN
    assert breaker(flow.state).window.calls == ""


def test_a_lease_from_before_is_no_permit_for_a_call_now() -> None:
    flow = serving().and_then(arrived(MODEL, "early"), *[(arrived(MODEL), _newest_failed)] * 4)
    early = flow.request("early")
    flow = flow.and_then(after(WAIT_MS), timer(), arrived(MODEL, "probe"))
    assert refusing(flow.state, MODEL, early) is not None
    assert refusing(flow.state, MODEL, flow.request("probe")) is None


def test_probes_that_take_too_long_open_it_again() -> None:
    flow = half_open(max_wait_in_half_open_ms=5_000).and_then(arrived(MODEL), after(5_000))
    flow.when(timer()).then(
        decided(
            BreakerChanged, before=BreakerState.HALF_OPEN, after=BreakerState.OPEN, rule="breaker.probes_late"
        )
    )


# --- recovering ---------------------------------------------------------------------------------------------


def test_more_and_more_may_be_served_at_once() -> None:
    flow = recovering()
    granted: list[int] = []
    for _ in range(4):
        flow = flow.and_then(*[arrived(MODEL)] * 5)
        granted.append(len(flow.state.models[MODEL].leases))
        wakeup = next_wakeup(flow.state, flow.state.at)
        assert wakeup is not None
        flow = flow.and_then(after(-(-(wakeup - flow.now) // 1_000_000)), timer())
    assert granted == [1, 2, 3, 4]


def test_once_the_ramp_is_over_it_is_closed() -> None:
    flow = recovering().and_then(after(RAMP_MS))
    flow.when(timer()).then(decided(BreakerChanged, after=BreakerState.CLOSED, rule="breaker.ramp_over"))
    assert breaker(flow.and_then(timer()).state).opened == 0


def test_failures_on_the_ramp_open_it_again() -> None:
    flow = recovering().and_then(call(failed(), 1), arrived(MODEL))
    flow.when(failed()).then(decided(BreakerChanged, before=BreakerState.RECOVERING, after=BreakerState.OPEN))


def test_who_waits_on_the_ramp_is_told_so() -> None:
    flow = recovering().and_then(arrived(MODEL))
    flow.when(arrived(MODEL)).then(decided(RequestQueued, rule="queue.ramp"))


@pytest.mark.parametrize("aggression", [1, 2, 5])
@pytest.mark.parametrize("most", [1, 3, 8, 100])
def test_the_ramp_is_the_root_of_the_time_and_its_steps_are_known_beforehand(
    aggression: int, most: int
) -> None:
    ramp = Ramp(window_ms=1_000, aggression=aggression, min_per_mille=1)
    moment, seen = 0, [allowed(most, 0, ramp)]
    while seen[-1] < most:
        moment = next_step(most, seen[-1], ramp)
        assert allowed(most, moment - 1, ramp) == seen[-1]
        seen.append(allowed(most, moment, ramp))
    assert seen == list(range(1, most + 1))
    half = allowed(most, 500_000_000, ramp)
    assert half**aggression * 2 >= most**aggression > (half - 1) ** aggression * 2


# --- operators and settings ---------------------------------------------------------------------------------


def test_an_operator_shuts_it_and_opens_it() -> None:
    flow = serving()
    changed = decided(BreakerChanged, after=BreakerState.FORCED_OPEN, rule="breaker.operator")
    flow = flow.when(by_hand("forced_open")).then(changed)
    rejected = flow.and_then(after(10**7)).when(arrived(MODEL)).of(RequestRejected)
    assert isinstance(rejected, RequestRejected)
    assert rejected.values["cause"] == "an operator wants it so"
    flow = flow.and_then(by_hand("closed"))
    assert not breaker(flow.state).by_hand
    flow.when(arrived(MODEL)).then(LeaseGranted)


def test_disabled_by_hand_everything_passes_and_nothing_is_counted() -> None:
    flow = serving().and_then(by_hand("disabled"), call(failed(), 20))
    assert (breaker(flow.state).state, breaker(flow.state).window.calls) == (BreakerState.DISABLED, "")


def test_in_shadow_mode_it_is_only_written_down() -> None:
    flow = serving(breaking(mode="shadow")).and_then(call(failed(), 3), arrived(MODEL))
    stays = BreakerState.METRICS_ONLY
    flow = flow.when(failed()).then(
        decided(BreakerChanged, before=stays, after=stays, failed=4, rule="breaker.failure_rate")
    )
    flow.when(arrived(MODEL)).then(LeaseGranted)


def test_switched_off_nothing_is_counted() -> None:
    flow = serving(breaking(mode="off")).and_then(call(failed(), 20))
    assert all(not known.window.calls for known in flow.state.breakers.values())


def test_a_change_of_the_mode_moves_what_no_operator_has_set() -> None:
    flow = opened()
    changed = decided(BreakerChanged, after=BreakerState.METRICS_ONLY, rule="breaker.mode")
    flow.when(configured(breaking(mode="shadow"), idle_price_ms_per_gib_hour=0)).then(changed)
    forced = flow.and_then(by_hand("forced_open"))
    forced.when(configured(breaking(mode="off"), idle_price_ms_per_gib_hour=0)).then_nothing()


def _newest_failed(state: State) -> RequestFinished:
    """Who came last of those that hold the model is told of a failure."""
    newest = state.models[MODEL].leases[-1]
    return RequestFinished(request=newest, outcome="failed", held_ms=1, error_code="PROVIDER_UNAVAILABLE")
