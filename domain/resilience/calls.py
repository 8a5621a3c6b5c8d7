"""What events about requests and models say of the calls to a provider, before they change anything else.

A call is a chat or an embedding that holds a lease, or a load. One that was cancelled, or whose end says
nothing about the provider, counts neither way and gives its permit back.
"""

from collections.abc import Callable
from typing import Any, Literal

from ..copying import replace
from ..events import Body, Event
from ..models import events as models
from ..providers.names import provider_of
from ..requests import events as requests
from ..state import State
from . import concurrency, paces
from .events import RetryAsked
from .machine import COUNTING, BreakerState
from .paces import Pace
from .settings import BreakerSettings
from .state import Breaker
from .windows import pushed

_NS_PER_MS = 1_000_000
#: Codes that say that the provider had more to do than it can.
_TOO_MUCH = ("PROVIDER_BUSY", "PROVIDER_TIMEOUT")
#: A provider that is busy and does not say for how long, or says for no time at all, is asked again after
#: a second, then two, four, …
_BUSY_MS, _BUSY_DOUBLINGS = 1000, 6
#: The same for one that says "at once", or almost: nobody would stop a load that is refused for ever.
_BUSY_LEAST_MS = 100

#: What is asked of a provider while a lease is held.
_CALLS = ("chat", "embed")

_UNKNOWN = Pace()

Verdict = Literal["answered", "failed", "neither"]


def breaker_of(state: State, provider: str) -> Breaker:
    """A provider's breaker: as it is, or as it is before anything was counted."""
    known = state.breakers.get(provider)
    return known or Breaker(provider, state=at_rest(state.host.settings.breaker))


def at_rest(settings: BreakerSettings) -> BreakerState:
    """The state of a breaker that nothing has moved."""
    match settings.mode:
        case "enforce":
            return BreakerState.CLOSED
        case "shadow":
            return BreakerState.METRICS_ONLY
        case "off":
            return BreakerState.DISABLED


def with_breaker(state: State, breaker: Breaker) -> State:
    """The state with one breaker replaced."""
    return replace(state, breakers={**state.breakers, breaker.provider: breaker})


def windowed(state: State, breaker: Breaker) -> BreakerSettings:
    """The settings of its window: half open, it is as long as there are permits."""
    settings = state.host.settings.breaker
    if breaker.state is not BreakerState.HALF_OPEN:
        return settings
    permits = settings.permitted_calls_in_half_open
    return settings.model_copy(update={"sliding_window_type": "count", "sliding_window_size": permits})


def verdict(settings: BreakerSettings, code: str) -> Verdict:
    """What an error says of the provider."""
    if code in settings.ignore:
        return "neither"
    return "failed" if code in settings.record else "answered"


def _finished(state: State, body: requests.RequestFinished, event: Event) -> State:
    request = state.requests.get(body.request)
    if request is None or request.waiting:
        return state
    if request.purpose not in _CALLS or request.judged:
        return _released(state, request.model, body.request)
    if body.outcome == "failed":
        return _failed(state, request.model, body.request, body.error_code or "SYSTEM_ERROR", event)
    if request.purpose == "embed":
        # How long it takes depends on the texts, of which nothing is known.
        breaker = breaker_of(state, provider_of(request.model))
        pace = _pace(breaker, request.model)
        return _answered(state, breaker, body.request, event, model=request.model, pace=pace, slow=False)
    # With retries it includes attempts that failed, and the waits between them.
    first_token_ms = None if request.retries else body.first_token_ms
    breaker = breaker_of(state, provider_of(request.model))
    pace, slow = paces.answered(
        _pace(breaker, request.model),
        state.host.settings.breaker,
        body.held_ms,
        first_token_ms,
        body.load_ms or 0,
        body.completion_tokens,
    )
    return _answered(state, breaker, body.request, event, model=request.model, pace=pace, slow=slow)


def _revoked(state: State, body: requests.LeaseRevoked, event: Event) -> State:
    request = state.requests.get(body.request)
    if request is None or request.waiting:
        return state
    if request.purpose not in _CALLS:
        return _released(state, request.model, body.request)
    return _failed(state, request.model, body.request, body.code, event)


def _withdrawn(
    state: State, body: requests.RequestCancelled | requests.RequestAborted, _event: Event
) -> State:
    request = state.requests.get(body.request)
    return _released(state, request.model, body.request) if request else state


def _retry_asked(state: State, body: RetryAsked, event: Event) -> State:
    request = state.requests.get(body.request)
    if request is None or request.waiting:
        return state
    judged = {**state.requests, body.request: replace(request, judged=True)}
    known = _failed(state, request.model, body.request, body.code, event, body.retry_after_ms)
    return replace(known, requests=judged)


def _granted(state: State, body: requests.LeaseGranted, _event: Event) -> State:
    return _probing(state, body.model, body.request)


def _load_started(state: State, body: models.ModelLoadStarted, event: Event) -> State:
    return _probing(state, body.model, event.position)


def _loaded(state: State, body: models.ModelLoaded, event: Event) -> State:
    breaker = breaker_of(state, provider_of(body.model))
    pace, slow = paces.loaded(_pace(breaker, body.model), state.host.settings.breaker, body.load_ms)
    call = _intent(state, body.model)
    return _answered(state, breaker, call, event, model=body.model, pace=pace, slow=slow)


def _load_failed(state: State, body: models.ModelLoadFailed, event: Event) -> State:
    return _failed(state, body.model, _intent(state, body.model), body.code, event, body.retry_after_ms)


def _settled(
    state: State, body: models.ModelLost | models.ModelFound | models.ModelWoken, _event: Event
) -> State:
    """What was being loaded or woken has come to an end that says nothing of how well it goes."""
    return _released(state, body.model, _intent(state, body.model))


def _wake_failed(state: State, body: models.ModelWakeFailed, event: Event) -> State:
    return _failed(state, body.model, _intent(state, body.model), body.code, event)


def _pace(breaker: Breaker, model: str) -> Pace:
    return breaker.paces.get(model) or _UNKNOWN


def _intent(state: State, model: str) -> int:
    known = state.models.get(model)
    return (known.intent if known else None) or 0


def _probing(state: State, model: str, call: int) -> State:
    breaker = state.breakers.get(provider_of(model))
    if breaker is None or breaker.state is not BreakerState.HALF_OPEN:
        return state
    return with_breaker(state, replace(breaker, probes=(*breaker.probes, call)))


def _released(state: State, model: str, call: int) -> State:
    """A permit is given back, if the call had one."""
    breaker = state.breakers.get(provider_of(model))
    if breaker is None or call not in breaker.probes:
        return state
    return with_breaker(state, replace(breaker, probes=_without(breaker, call)))


def _answered(
    state: State, breaker: Breaker, call: int, event: Event, *, model: str, pace: Pace, slow: bool
) -> State:
    """A call came to a good end, though perhaps a slow one."""
    if breaker.state is BreakerState.DISABLED and not (breaker.busy or breaker.estimate):
        return state
    changed = replace(
        breaker,
        **_counted(state, breaker, call, event, failed=False, slow=slow),
        failures=0,
        failure="",
        busy=0,
    )
    if slow or breaker.estimate:
        estimate = concurrency.cut(state, breaker) if slow else concurrency.raised(state, breaker)
        changed = replace(changed, estimate=estimate)
    if pace is not _pace(breaker, model):
        changed = replace(changed, paces={**breaker.paces, model: pace})
    return with_breaker(state, changed)


def _failed(
    state: State, model: str, call: int, code: str, event: Event, retry_after_ms: int | None = None
) -> State:
    """A call came to a bad end; what its code says decides whether the provider is to blame."""
    breaker = breaker_of(state, provider_of(model))
    said = verdict(state.host.settings.breaker, code)
    if code in _TOO_MUCH:
        breaker = replace(breaker, estimate=concurrency.cut(state, breaker))
    if code == "PROVIDER_BUSY":
        breaker = _busy(breaker, event.at, retry_after_ms)
    if said == "neither" or breaker.state is BreakerState.DISABLED:
        changed = replace(breaker, called=event.position, probes=_without(breaker, call))
        return with_breaker(state, changed)
    failed = said == "failed"
    changed = replace(
        breaker,
        **_counted(state, breaker, call, event, failed=failed, slow=False),
        failures=breaker.failures + 1 if failed else 0,
        failure=code if failed else "",
    )
    return with_breaker(state, changed)


def _busy(breaker: Breaker, at: int, retry_after_ms: int | None) -> Breaker:
    """It says when it may be asked again, or is asked again after a little longer each time."""
    wait_ms = max(retry_after_ms or 0, _BUSY_LEAST_MS)
    if not retry_after_ms:
        wait_ms = _BUSY_MS << min(breaker.busy, _BUSY_DOUBLINGS)
    until = max(breaker.busy_until, at + wait_ms * _NS_PER_MS)
    return replace(breaker, busy=breaker.busy + 1, busy_until=until)


def _counted(
    state: State, breaker: Breaker, call: int, event: Event, *, failed: bool, slow: bool
) -> dict[str, Any]:
    """It is in the window, if the state counts; half open, only what was let through to find out."""
    probing = breaker.state is BreakerState.HALF_OPEN
    if breaker.state not in COUNTING or (probing and call not in breaker.probes):
        return {"called": event.position}
    settings = windowed(state, breaker)
    window = pushed(breaker.window, settings, event.at // _NS_PER_MS, failed=failed, slow=slow)
    return {"called": event.position, "window": window, "probes": _without(breaker, call)}


def _without(breaker: Breaker, call: int) -> tuple[int, ...]:
    return tuple(probe for probe in breaker.probes if probe != call) if breaker.probes else ()


#: What each type of event says of a call.
OBSERVE: dict[type[Body], Callable[..., State]] = {
    requests.RequestFinished: _finished,
    requests.LeaseRevoked: _revoked,
    requests.RequestCancelled: _withdrawn,
    requests.RequestAborted: _withdrawn,
    requests.LeaseGranted: _granted,
    models.ModelLoadStarted: _load_started,
    models.ModelLoaded: _loaded,
    models.ModelLoadFailed: _load_failed,
    models.ModelWoken: _settled,
    models.ModelWakeFailed: _wake_failed,
    models.ModelLost: _settled,
    models.ModelFound: _settled,
    RetryAsked: _retry_asked,
}
