"""How decisions about breakers, retries and fallbacks change the state."""

from collections.abc import Callable

from ..copying import replace
from ..events import Body, Event
from ..models.demand import requested
from ..state import State, with_model
from . import events as e
from .calls import breaker_of, with_breaker
from .machine import BreakerState, after
from .windows import Window

_NS_PER_MS = 1_000_000


def _changed(state: State, body: e.BreakerChanged, event: Event) -> State:
    breaker = breaker_of(state, body.provider)
    into = after(body.provider, breaker.state, body.after.value)
    opened = breaker.opened + 1 if into is BreakerState.OPEN else breaker.opened
    changed = replace(
        breaker,
        state=into,
        since=event.at,
        position=event.position,
        until=event.at + body.wait_ms * _NS_PER_MS if body.wait_ms else 0,
        opened=0 if into is BreakerState.CLOSED else opened,
        by_hand=body.trigger == "operator",
        cause=_cause(body) if into is BreakerState.OPEN else breaker.cause,
        window=Window(),
        probes=(),
        # Had it become slower for good, it would never close again: what is usual is learnt anew.
        paces={} if body.trigger == "slow_call_rate" else breaker.paces,
    )
    return with_breaker(state, changed)


def _cause(body: e.BreakerChanged) -> str:
    what = f"{body.slow} of {body.calls} calls were slow"
    if body.trigger != "slow_call_rate":
        what = f"{body.failed} of {body.calls} calls failed"
    return what if body.calls else "the calls that were let through took too long"


def _concurrency_changed(state: State, body: e.ConcurrencyChanged, _event: Event) -> State:
    breaker = breaker_of(state, body.provider)
    estimate = breaker.estimate
    if body.trigger == "scale_down" and body.after is not None:
        estimate = body.after * 1000
    return with_breaker(state, replace(breaker, limit=body.after, estimate=estimate))


def _recovery_started(state: State, body: e.RecoveryStarted, event: Event) -> State:
    breaker = breaker_of(state, body.provider)
    return with_breaker(state, replace(breaker, procedures={**breaker.procedures, body.action: event.at}))


def _retry_granted(state: State, body: e.RetryGranted, _event: Event) -> State:
    request = state.requests[body.request]
    again = replace(request, retries=body.attempt - 1, judged=False)
    return replace(state, requests={**state.requests, body.request: again})


def _redirected(state: State, body: e.RequestRedirected, event: Event) -> State:
    """It waits for the other model, in the place that it had."""
    request = state.requests[body.request]
    moved = replace(
        request,
        model=body.fallback,
        granted_at=None,
        judged=False,
        left=(*request.left, body.model),
    )
    old, new = state.models.get(body.model), state.models[body.fallback]
    if old is not None and body.request in old.leases:
        leases = tuple(position for position in old.leases if position != body.request)
        state = with_model(state, replace(old, leases=leases, last_used_at=event.at))
    demand = requested(new.demand, event.at // _NS_PER_MS)
    requests = {**state.requests, body.request: moved}
    return with_model(state, replace(new, demand=demand), requests=requests)


def _noted(state: State, _body: Body, _event: Event) -> State:
    return state


EVOLVE: dict[type[Body], Callable[..., State]] = {
    e.BreakerSet: _noted,
    e.RetryAsked: _noted,
    e.RecoveryFinished: _noted,
    e.BreakerChanged: _changed,
    e.ConcurrencyChanged: _concurrency_changed,
    e.RecoveryStarted: _recovery_started,
    e.RetryGranted: _retry_granted,
    e.RetryDenied: _noted,
    e.RequestRedirected: _redirected,
}
