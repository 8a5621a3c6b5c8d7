"""Whether a call to a provider may be made now: what `schedule` asks before it grants or loads."""

from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from ..state import State
from .concurrency import capacity, in_flight
from .machine import REFUSING, BreakerState
from .ramp import allowed
from .state import Breaker

_NS_PER_MS = 1_000_000


def passes(state: State, model: str) -> bool:
    """Whether a call to the model's provider may be made now."""
    return hold(state, model, Comparisons()) is None


def refusing(state: State, model: str, request: int | None = None) -> Breaker | None:
    """The breaker of the model's provider, when it lets nothing pass; half open, not this request."""
    breaker = state.breakers.get(provider_of(model))
    if breaker is None:
        return None
    stranger = request is not None and request not in breaker.probes
    barred = breaker.state in REFUSING or (breaker.state is BreakerState.HALF_OPEN and stranger)
    return breaker if barred else None


def hold(state: State, model: str, tests: Comparisons, *, load: bool = False) -> Reason | None:
    """Why a call has to wait; None when it may be made. A load takes no place of those that are served."""
    breaker = state.breakers.get(provider_of(model))
    if breaker is None:
        return None
    if breaker.busy_until > state.at:
        remaining_ms = -((state.at - breaker.busy_until) // _NS_PER_MS)
        tests.hold("busy_ms", remaining_ms, ">", 0)
        return Reason(rule="queue.busy", tests=tests.tests)
    match breaker.state:
        case BreakerState.OPEN | BreakerState.FORCED_OPEN:
            tests.hold("breaker", breaker.state.value, "!=", BreakerState.CLOSED.value)
            return _reason("queue.breaker", breaker, tests)
        case BreakerState.HALF_OPEN:
            permits = state.host.settings.breaker.permitted_calls_in_half_open
            made = len(breaker.probes) + len(breaker.window.calls)
            if not tests.hold("calls let through", made, "<", permits):
                return _reason("queue.breaker", breaker, tests)
        case BreakerState.RECOVERING if not load:
            limit = ramped(state, breaker)
            if not tests.hold("leases of the provider", in_flight(state, breaker.provider), "<", limit):
                return _reason("queue.ramp", breaker, tests)
        case _:
            pass
    if load or breaker.limit is None:
        return None
    if tests.hold("leases of the provider", in_flight(state, breaker.provider), "<", breaker.limit):
        return None
    return Reason(rule="queue.concurrency", tests=tests.tests)


def ramped(state: State, breaker: Breaker) -> int:
    """How many may be served at once on the way back to closed."""
    most = capacity(state, breaker.provider)
    return allowed(most, state.at - breaker.since, state.host.settings.breaker.ramp)


def _reason(rule: str, breaker: Breaker, tests: Comparisons) -> Reason:
    return Reason(rule=rule, tests=tests.tests, evidence={"breaker": breaker.position})
