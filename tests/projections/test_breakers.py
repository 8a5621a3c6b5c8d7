"""The table of breakers says what each lets pass, what that rests on, and what moves it next."""

import pytest

from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities
from bursar.domain.resilience.events import Wished
from bursar.domain.resilience.machine import BreakerState
from bursar.domain.resilience.settings import BreakerSettings
from bursar.projections.breakers import BreakerRow, breaker_table, providers_of
from bursar.testing.facts import arrived, timer
from bursar.testing.specification import Given, after

from ..resilience.support import (
    MODEL,
    RAMP_MS,
    WAIT_MS,
    answered,
    asked,
    by_hand,
    call,
    failed,
    opened,
    serving,
    settings,
)

NS_PER_MS = 1_000_000


def row(flow: Given, later_ms: int = 0) -> BreakerRow:
    (found,) = breaker_table(flow.state, flow.now + later_ms * NS_PER_MS)
    return found


def test_a_closed_breaker_says_how_much_it_has_to_judge_by() -> None:
    found = row(serving().and_then(call(answered()), call(failed())))
    assert (found.state, found.since, found.position) == (BreakerState.CLOSED, 0, 0)
    # Loading `p:a` was given, not done: two calls.
    assert (found.calls, found.failed, found.slow, found.calls_needed) == (2, 1, 0, 4)
    assert (found.failure_rate_threshold_per_mille, found.slow_call_rate_threshold_per_mille) == (500, 1000)
    assert (found.failures, found.failure) == (1, "PROVIDER_UNAVAILABLE")
    assert found.waits_for == "2 more calls to judge by"


def test_an_open_one_says_why_and_for_how_long() -> None:
    flow = opened()
    found = row(flow, later_ms=WAIT_MS - 20_000)
    assert (found.state, found.cause) == (BreakerState.OPEN, "4 of 4 calls failed")
    assert found.since == flow.now
    assert found.until == flow.now + WAIT_MS * NS_PER_MS
    assert found.waits_for == "the end of its wait, in 20 s"
    # No manager ran when the wait was over.
    assert row(flow, later_ms=WAIT_MS).waits_for.startswith("the end of its wait, which was due at 2023-")


def test_a_half_open_one_says_how_many_calls_it_waits_for() -> None:
    half_open = opened().and_then(after(WAIT_MS), timer())
    assert row(half_open).waits_for == "2 more calls to end, 0 under way"
    assert row(half_open.and_then(arrived(MODEL))).waits_for == "2 more calls to end, 1 under way"
    assert row(half_open.and_then(call(answered()))).waits_for == "1 more call to end, 0 under way"


def test_a_recovering_one_says_how_many_it_serves_by_now() -> None:
    recovering = opened().and_then(after(WAIT_MS), timer(), call(answered(), 2))
    assert row(recovering).waits_for == "the end of its ramp, in 10 s: 1 of 4 at once"
    assert row(recovering, later_ms=RAMP_MS // 2).waits_for == "the end of its ramp, in 5 s: 2 of 4 at once"
    closed = row(recovering.and_then(after(RAMP_MS), timer()))
    assert (closed.state, closed.cause, closed.waits_for) == (BreakerState.CLOSED, "", "")


@pytest.mark.parametrize("state", ["forced_open", "disabled", "metrics_only"])
def test_one_that_an_operator_has_set_waits_for_an_operator(state: Wished) -> None:
    found = row(serving().and_then(by_hand(state)))
    assert (found.state, found.by_hand) == (state, True)
    assert found.waits_for == "an operator: --set closed leaves it to the rules again"


@pytest.mark.parametrize(("mode", "state"), [("shadow", "metrics_only"), ("off", "disabled")])
def test_one_that_the_settings_have_set_waits_for_the_settings(mode: str, state: str) -> None:
    chosen = settings(BreakerSettings.model_validate({"mode": mode}))
    observed = ProviderObserved(
        provider="p",
        reachable=True,
        engine="1",
        capabilities=Capabilities(load=True),
        lacks={},
        code="",
        cause_text="",
    )
    found = row(serving(chosen).and_then(observed))
    assert (found.state, found.by_hand) == (state, False)
    assert found.waits_for == f"the settings: breaker.mode is {mode}"


def test_a_busy_provider_is_busy_until_it_has_said() -> None:
    flow = serving().and_then(arrived(MODEL), asked(code="PROVIDER_BUSY", wait_ms=3000))
    assert row(flow).busy_until == flow.now + 3000 * NS_PER_MS
    assert row(flow, later_ms=3000).busy_until == 0
    assert row(flow).in_flight == 1


def test_a_provider_that_nobody_has_called_has_a_breaker_all_the_same() -> None:
    observed = [
        ProviderObserved(
            provider=name,
            reachable=True,
            engine="1",
            capabilities=Capabilities(),
            lacks={},
            code="",
            cause_text="",
        )
        for name in ("q", "a")
    ]
    flow = serving().and_then(*observed, call(answered()))
    assert providers_of(flow.state) == ("a", "p", "q")
    assert [(one.provider, one.calls) for one in breaker_table(flow.state, flow.now)] == [
        ("a", 0),
        ("p", 1),
        ("q", 0),
    ]
