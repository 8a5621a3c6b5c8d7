"""When a breaker moves: what its window says, what time brings, what an operator or the settings want."""

from typing import Literal

from ..draft import Draft
from ..models.lapse import pause_ms
from ..reasons import Comparisons, Reason
from ..state import State
from .calls import at_rest, breaker_of, windowed
from .concurrency import announced
from .events import BreakerChanged, BreakerSet, ConcurrencyChanged, Trigger
from .machine import BreakerState
from .procedures import recover
from .settings import BreakerSettings
from .state import Breaker
from .windows import Totals, counted

_NS_PER_MS = 1_000_000


def review(draft: Draft) -> None:
    """Move every breaker that this step has told something, or whose time has come."""
    now, since = draft.state.at, draft.fact.position
    breakers = draft.state.breakers.values()
    for breaker in [one for one in breakers if one.called >= since or 0 < one.until <= now]:
        if breaker.until and now >= breaker.until:
            _elapse(draft, breaker)
        else:
            _judge(draft, breaker)
            _announce(draft, breaker.provider)
            recover(draft, breaker.provider)


def on_breaker_set(draft: Draft, fact: BreakerSet) -> None:
    """An operator's word holds until he takes it back; `closed` is the state that the settings want."""
    breaker = breaker_of(draft.state, fact.provider)
    wanted = BreakerState(fact.state)
    if wanted is BreakerState.CLOSED:
        _change(draft, breaker, at_rest(draft.state.host.settings.breaker), "handed_back", Comparisons())
    else:
        _change(draft, breaker, wanted, "operator", Comparisons())


def follow_settings(draft: Draft) -> None:
    """Breakers that no operator has set are counted, obeyed or left alone as the settings say."""
    settings = draft.state.host.settings.breaker
    rest = at_rest(settings)
    for breaker in tuple(draft.state.breakers.values()):
        unmoved = breaker.state in (BreakerState.METRICS_ONLY, BreakerState.DISABLED)
        if breaker.by_hand or breaker.state is rest or (rest is BreakerState.CLOSED and not unmoved):
            continue
        tests = Comparisons()
        tests.hold("state", breaker.state.value, "!=", rest.value)
        _change(draft, breaker, rest, "mode", tests)


def _elapse(draft: Draft, breaker: Breaker) -> None:
    """The wait, the time for the probes or the ramp is over."""
    tests = Comparisons()
    tests.hold("remaining_ms", pause_ms(breaker.until, draft.state.at), "<=", 0)
    match breaker.state:
        case BreakerState.OPEN:
            _change(draft, breaker, BreakerState.HALF_OPEN, "wait_over", tests)
        case BreakerState.HALF_OPEN:
            _change(draft, breaker, BreakerState.OPEN, "probes_late", tests)
        case _:
            _change(draft, breaker, BreakerState.CLOSED, "ramp_over", tests)


def _judge(draft: Draft, breaker: Breaker) -> None:
    """Look at the rates, once there are enough calls to tell."""
    settings = draft.state.host.settings.breaker
    totals = _totals(draft.state, breaker)
    probing = breaker.state is BreakerState.HALF_OPEN
    if not (totals.failed or totals.slow or probing):
        return
    tests = Comparisons()
    if not tests.hold("calls", totals.calls, ">=", enough(settings, breaker)):
        return
    threshold = settings.failure_rate_threshold_per_mille
    if tests.hold("failure rate per mille", totals.failure_rate, ">=", threshold):
        _change(draft, breaker, _tripped(breaker), "failure_rate", tests)
        return
    threshold = settings.slow_call_rate_threshold_per_mille
    if tests.hold("slow rate per mille", totals.slow_rate, ">=", threshold):
        _change(draft, breaker, _tripped(breaker), "slow_call_rate", tests)
    elif probing:
        into = BreakerState.RECOVERING if settings.ramp.window_ms else BreakerState.CLOSED
        _change(draft, breaker, into, "probes_passed", tests)


def enough(settings: BreakerSettings, breaker: Breaker) -> int:
    """How many calls there must be before the rates are looked at; fewer will do on the way back."""
    if breaker.state in (BreakerState.HALF_OPEN, BreakerState.RECOVERING):
        return min(settings.minimum_number_of_calls, settings.permitted_calls_in_half_open)
    if settings.sliding_window_type == "count":
        return min(settings.minimum_number_of_calls, settings.sliding_window_size)
    return settings.minimum_number_of_calls


def _tripped(breaker: Breaker) -> BreakerState:
    """Open; one that only measures stays what it is, and begins to count anew."""
    measuring = breaker.state is BreakerState.METRICS_ONLY
    return BreakerState.METRICS_ONLY if measuring else BreakerState.OPEN


def _change(draft: Draft, breaker: Breaker, into: BreakerState, trigger: Trigger, tests: Comparisons) -> None:
    """Move it; what was looked at is the call that was counted last, or the settings."""
    totals = _totals(draft.state, breaker)
    what, seen = "call", breaker.called
    if trigger == "mode":
        what, seen = "settings", draft.state.host.settings_position
    evidence = {what: seen} if seen else {}
    draft.conclude(
        BreakerChanged(
            provider=breaker.provider,
            before=breaker.state,
            after=into,
            trigger=trigger,
            calls=totals.calls,
            failed=totals.failed,
            slow=totals.slow,
            wait_ms=_wait_ms(draft.state, breaker, into),
            reason=Reason(rule=f"breaker.{trigger}", tests=tests.tests, evidence=evidence),
        )
    )


def _wait_ms(state: State, breaker: Breaker, into: BreakerState) -> int:
    """How long it stays there at most; open, longer each time in a row."""
    settings = state.host.settings.breaker
    match into:
        case BreakerState.OPEN:
            wait_ms = settings.wait_duration_in_open_state_ms
            longest = max(wait_ms, settings.wait_duration_max_ms)
            for _ in range(breaker.opened):
                wait_ms = min(longest, wait_ms * settings.wait_duration_multiplier_per_mille // 1000)
                if wait_ms == longest:
                    break
            return wait_ms
        case BreakerState.HALF_OPEN:
            return settings.max_wait_in_half_open_ms
        case BreakerState.RECOVERING:
            return settings.ramp.window_ms
        case _:
            return 0


def _announce(draft: Draft, provider: str) -> None:
    """Say when the provider may serve more or fewer at once than was said last."""
    breaker = draft.state.breakers[provider]
    limit = announced(breaker)
    if limit == breaker.limit:
        return
    tests = Comparisons()
    tests.hold("estimate per mille", breaker.estimate, "!=", (breaker.limit or 0) * 1000)
    lower = limit is not None and (breaker.limit is None or limit < breaker.limit)
    trigger: Literal["cut", "raised"] = "cut" if lower else "raised"
    draft.conclude(
        ConcurrencyChanged(
            provider=provider,
            before=breaker.limit,
            after=limit,
            trigger=trigger,
            reason=Reason(rule=f"concurrency.{trigger}", tests=tests.tests),
        )
    )


def _totals(state: State, breaker: Breaker) -> Totals:
    return counted(breaker.window, windowed(state, breaker), state.at // _NS_PER_MS)
