"""One row for each provider's breaker: what it lets pass now, what that rests on, and what moves it next."""

from ..domain.copying import replace
from ..domain.events import Value
from ..domain.resilience.calls import breaker_of, windowed
from ..domain.resilience.concurrency import capacity, in_flight
from ..domain.resilience.gate import ramped
from ..domain.resilience.machine import BreakerState
from ..domain.resilience.review import enough
from ..domain.resilience.state import Breaker
from ..domain.resilience.windows import counted
from ..domain.state import State
from .figures import count, moment, span

_NS_PER_MS = 1_000_000


class BreakerRow(Value):
    """A provider's breaker at a moment; times in UTC nanoseconds."""

    provider: str
    state: BreakerState
    #: 0 when nothing has ever moved it.
    since: int
    #: Position of the decision that brought it there; 0 likewise.
    position: int
    by_hand: bool
    #: The calls of its window, and how many there must be before the rates are looked at.
    calls: int
    failed: int
    slow: int
    calls_needed: int
    #: Per-mille of the calls, from which on it opens.
    failure_rate_threshold_per_mille: int
    slow_call_rate_threshold_per_mille: int
    #: Why it opened last, in words; empty when it is closed or never has.
    cause: str
    #: Failures in a row, and the code of the last one.
    failures: int
    failure: str
    #: When time alone moves it on; 0 when it does not.
    until: int
    #: What moves it next, in words.
    waits_for: str
    #: Requests that its models serve now, and how many they may; None leaves it to their slots.
    in_flight: int
    limit: int | None
    #: When it may be asked again; 0 when it has not said that it is busy.
    busy_until: int


def providers_of(state: State) -> tuple[str, ...]:
    """Names of the providers that the journal knows, sorted."""
    return tuple(sorted({**state.providers, **state.breakers}))


def breaker_table(state: State, now: int) -> list[BreakerRow]:
    """Every provider's breaker, sorted by name, at a moment that is not before the state's."""
    then = replace(state, at=max(now, state.at))
    return [_row(then, breaker_of(then, name)) for name in providers_of(then)]


def _row(state: State, breaker: Breaker) -> BreakerRow:
    settings = windowed(state, breaker)
    totals = counted(breaker.window, settings, state.at // _NS_PER_MS)
    needed = enough(settings, breaker)
    return BreakerRow(
        provider=breaker.provider,
        state=breaker.state,
        since=breaker.since,
        position=breaker.position,
        by_hand=breaker.by_hand,
        calls=totals.calls,
        failed=totals.failed,
        slow=totals.slow,
        calls_needed=needed,
        failure_rate_threshold_per_mille=settings.failure_rate_threshold_per_mille,
        slow_call_rate_threshold_per_mille=settings.slow_call_rate_threshold_per_mille,
        cause="" if breaker.state is BreakerState.CLOSED else breaker.cause,
        failures=breaker.failures,
        failure=breaker.failure,
        until=breaker.until,
        waits_for=_waits_for(state, breaker, totals.calls, needed),
        in_flight=in_flight(state, breaker.provider),
        limit=breaker.limit,
        busy_until=breaker.busy_until if breaker.busy_until > state.at else 0,
    )


def _waits_for(state: State, breaker: Breaker, calls: int, needed: int) -> str:
    """What moves it next; empty when that is its calls alone."""
    missing = count(max(0, needed - calls), "more call")
    if breaker.by_hand:
        return "an operator: --set closed leaves it to the rules again"
    match breaker.state:
        case BreakerState.CLOSED:
            return f"{missing} to judge by" if 0 < calls < needed else ""
        case BreakerState.OPEN:
            return f"the end of its wait, {_when(breaker.until, state.at)}"
        case BreakerState.HALF_OPEN:
            return f"{missing} to end, {len(breaker.probes)} under way"
        case BreakerState.RECOVERING:
            served = f"{ramped(state, breaker)} of {capacity(state, breaker.provider)} at once"
            return f"the end of its ramp, {_when(breaker.until, state.at)}: {served}"
        case BreakerState.METRICS_ONLY:
            return "the settings: breaker.mode is shadow"
        case _:
            return "the settings: breaker.mode is off"


def _when(until: int, now: int) -> str:
    left_ms = (until - now) // _NS_PER_MS
    return f"in {span(left_ms)}" if left_ms > 0 else f"which was due at {moment(until)}"
