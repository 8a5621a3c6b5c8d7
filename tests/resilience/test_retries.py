"""Which calls are made again, when, and how many at once."""

import pytest

from bursar.domain.requests.events import LeaseGranted, RequestQueued
from bursar.domain.resilience.events import BreakerChanged, RetryDenied, RetryGranted
from bursar.domain.resilience.settings import RetrySettings
from bursar.domain.timers import next_wakeup
from bursar.testing.facts import arrived, described, finished, load_failed, timer
from bursar.testing.specification import Given, LateFact, after, decided

from .support import MODEL, answered, asked, breaker, breaking, call, failed, serving, settings


def retrying(**changes: int) -> Given:
    """Somebody's call is about to fail."""
    retry = RetrySettings().model_copy(update=changes)
    chosen = settings(breaking(minimum_number_of_calls=100).breaker, retry=retry)
    return serving(chosen, slots=40).and_then(arrived(MODEL))


def granted(flow: Given, code: str = "PROVIDER_UNAVAILABLE", wait_ms: int | None = None) -> RetryGranted:
    """The retry that is granted."""
    decision = flow.when(asked(code=code, wait_ms=wait_ms)).of(RetryGranted)
    assert isinstance(decision, RetryGranted)
    return decision


def test_a_call_that_failed_before_its_first_byte_is_made_again() -> None:
    flow = retrying()
    flow.when(asked()).then(decided(RetryGranted, attempt=2, rule="retry.budget"))
    assert flow.and_then(asked()).state.models[MODEL].leases, "the lease is kept meanwhile"


def test_it_is_made_as_often_as_the_settings_allow() -> None:
    flow = retrying(max_attempts=3).and_then(asked(), asked())
    flow.when(asked()).then(decided(RetryDenied, rule="retry.attempts"))


@pytest.mark.parametrize("code", ["PROVIDER_TIMEOUT", "CONTEXT_TOO_LARGE", "MODEL_LOST"])
def test_what_may_have_happened_or_would_fail_again_is_not_made_again(code: str) -> None:
    denied = retrying().when(asked(code=code)).of(RetryDenied)
    assert isinstance(denied, RetryDenied)
    assert (denied.code, denied.reason.rule) == (code, "retry.code")


def test_the_waits_grow_and_are_spread_by_a_half() -> None:
    first = granted(retrying()).wait_ms
    second = granted(retrying().and_then(asked())).wait_ms
    assert 250 <= first < 750
    assert 375 <= second < 1125
    spread = {granted(retrying().and_then(*[timer()] * n)).wait_ms for n in range(10)}
    assert len(spread) == 10


def test_retry_after_is_obeyed() -> None:
    assert granted(retrying(), "PROVIDER_BUSY", 9_000).wait_ms == 9_000
    denied = retrying().when(asked(code="PROVIDER_BUSY", wait_ms=31_000)).of(RetryDenied)
    assert isinstance(denied, RetryDenied)
    assert denied.reason.rule == "retry.wait"


def test_a_fifth_of_the_open_requests_may_be_retried_at_once_and_three_in_any_case() -> None:
    few = retrying().and_then(*[arrived(MODEL)] * 9)
    assert _retried_at_once(few) == 3
    many = retrying().and_then(*[arrived(MODEL)] * 29)
    assert _retried_at_once(many) == 6


def _retried_at_once(flow: Given) -> int:
    """How many of those that hold the model are granted a retry when all fail at once."""
    leases = flow.state.models[MODEL].leases
    retried = 0
    for n in range(len(leases)):
        taken = flow.when(_asked_by(leases[n]))
        retried += any(isinstance(decision, RetryGranted) for decision in taken.decisions)
        flow = taken.given
    return retried


def _asked_by(request: int) -> LateFact:
    return lambda state: asked()(state).model_copy(update={"request": request})


def test_nothing_is_made_again_while_the_breaker_is_not_closed() -> None:
    flow = serving().and_then(call(failed(), 3), arrived(MODEL), arrived(MODEL))
    flow.when(asked()).then(BreakerChanged, decided(RetryDenied, rule="retry.breaker"))


def test_a_failure_counts_once_however_it_ends() -> None:
    denied = retrying().and_then(asked(), asked(), asked(), failed())
    assert breaker(denied.state).window.calls == "fff"
    granted_then_failed = retrying().and_then(asked(), failed())
    assert breaker(granted_then_failed.state).window.calls == "ff"
    granted_then_answered = retrying().and_then(asked(), answered())
    assert breaker(granted_then_answered.state).window.calls == "f."


def test_who_has_no_lease_any_more_is_not_retried() -> None:
    flow = retrying()
    late = asked()(flow.state)
    flow.and_then(finished(MODEL)).when(late).then_nothing()


# --- busy ---------------------------------------------------------------------------------------------------


def test_a_busy_provider_is_not_asked_before_it_said() -> None:
    flow = retrying().and_then(asked(code="PROVIDER_BUSY", wait_ms=20_000))
    flow.when(arrived(MODEL)).then(decided(RequestQueued, rule="queue.busy"))
    waiting = flow.and_then(arrived(MODEL, "ann"), finished(MODEL))
    assert next_wakeup(waiting.state, waiting.state.at) == breaker(waiting.state).busy_until
    waiting.and_then(after(20_000)).when(timer()).then(decided(LeaseGranted, request=waiting.request("ann")))


def test_one_that_does_not_say_is_asked_a_little_later_each_time() -> None:
    flow = retrying(max_attempts=9).and_then(asked(code="PROVIDER_BUSY"))
    waits: list[int] = []
    for _ in range(4):
        waits.append((breaker(flow.state).busy_until - flow.state.at) // 1_000_000)
        flow = flow.and_then(after(waits[-1]), asked(code="PROVIDER_BUSY"))
    assert waits == [1_000, 2_000, 4_000, 8_000]
    assert breaker(flow.and_then(answered()).state).busy == 0


def test_one_that_says_at_once_is_not_asked_at_once_for_ever() -> None:
    """Nobody stops a load that finds it busy: who waits for it goes on waiting."""
    flow = serving().and_then(described("p:new"), arrived("p:new", "ann"))
    busy = load_failed("p:new").model_copy(update={"code": "PROVIDER_BUSY"})
    waits: list[int] = []
    for said_ms in (0, 0, 1, 50):
        flow = flow.and_then(busy.model_copy(update={"retry_after_ms": said_ms}))
        waits.append((breaker(flow.state).busy_until - flow.state.at) // 1_000_000)
        flow = flow.and_then(after(waits[-1]), timer())
    assert waits == [1_000, 2_000, 100, 100]


def test_a_load_that_finds_it_busy_is_waited_for() -> None:
    flow = serving().and_then(described("p:new"), arrived("p:new", "ann"))
    busy = load_failed("p:new").model_copy(update={"code": "PROVIDER_BUSY", "retry_after_ms": 5_000})
    flow = flow.and_then(busy)
    assert flow.request("ann") in flow.state.requests
    again = flow.and_then(after(5_000)).when(timer())
    assert [type(decision).name for decision in again.decisions] == ["ModelCooledDown", "ModelLoadStarted"]
