"""How events about requests change the state."""

from collections.abc import Callable

from ..copying import replace
from ..events import Body, Event
from ..models.demand import requested
from ..models.state import Model
from ..state import State, with_model
from . import events as e
from .line import NS_PER_MS, passed
from .state import Request


def _arrived(state: State, body: e.RequestArrived, event: Event) -> State:
    deadline_at = None if body.deadline_ms is None else event.at + body.deadline_ms * NS_PER_MS
    request = Request(
        position=event.position,
        model=body.model,
        purpose=body.purpose,
        agent=body.agent,
        priority=body.priority,
        arrived_at=event.at,
        deadline_at=deadline_at,
    )
    requests = {**state.requests, event.position: request}
    model = state.models.get(body.model)
    if model is None:
        return replace(state, requests=requests)
    demand = requested(model.demand, event.at // NS_PER_MS, repeated=_is_repeated(state, model))
    return with_model(state, replace(model, demand=demand), requests=requests)


def _is_repeated(state: State, model: Model) -> bool:
    """Whether no other model was asked for since this one was."""
    last_ms = model.demand.last_ms
    if not model.demand.count:
        return False
    for other in state.models.values():
        if other.demand.last_ms >= last_ms and other is not model:
            return False
    return True


def _granted(state: State, body: e.LeaseGranted, event: Event) -> State:
    """Whoever is served later than somebody who came later begins to spend the overtake budget."""
    marked = {
        other.position: replace(other, overtaken_since=event.at)
        for other in passed(state, body.request, body.model)
        if other.overtaken_since is None
    }
    granted = replace(state.requests[body.request], granted_at=event.at)
    model = state.models[body.model]
    return with_model(
        state,
        replace(model, leases=(*model.leases, body.request)),
        requests={**state.requests, **marked, body.request: granted},
    )


def _ended(state: State, body: e.OfRequest, event: Event, outcome: str, **tokens: int) -> State:
    """It is closed and counted, and its lease with it; nothing changes when it was closed already."""
    request = state.requests.get(body.request)
    if request is None:
        return state
    totals = replace(state.totals, **{outcome: getattr(state.totals, outcome) + 1}, **tokens)
    requests = state.requests.copy()
    del requests[body.request]
    model = state.models.get(request.model)
    if model is None or body.request not in model.leases:
        return replace(state, totals=totals, requests=requests)
    leases = tuple(position for position in model.leases if position != body.request)
    freed = replace(model, leases=leases, last_used_at=event.at)
    return with_model(state, freed, totals=totals, requests=requests)


def _finished(state: State, body: e.RequestFinished, event: Event) -> State:
    """Tokens count also when the lease was over before."""
    tokens = {
        "prompt_tokens": state.totals.prompt_tokens + (body.prompt_tokens or 0),
        "completion_tokens": state.totals.completion_tokens + (body.completion_tokens or 0),
    }
    if body.request not in state.requests:
        return replace(state, totals=replace(state.totals, **tokens))
    return _ended(state, body, event, body.outcome, **tokens)


def _cancelled(state: State, body: e.RequestCancelled, event: Event) -> State:
    return _ended(state, body, event, "cancelled")


def _rejected(state: State, body: e.RequestRejected, event: Event) -> State:
    return _ended(state, body, event, "rejected")


def _expired(state: State, body: e.RequestExpired, event: Event) -> State:
    return _ended(state, body, event, "expired")


def _aborted(state: State, body: e.RequestAborted | e.LeaseRevoked, event: Event) -> State:
    return _ended(state, body, event, "aborted")


def _noted(state: State, _body: e.RequestQueued | e.PromptTruncated, _event: Event) -> State:
    return state


EVOLVE: dict[type[Body], Callable[..., State]] = {
    e.RequestArrived: _arrived,
    e.RequestQueued: _noted,
    e.LeaseGranted: _granted,
    e.RequestFinished: _finished,
    e.RequestCancelled: _cancelled,
    e.PromptTruncated: _noted,
    e.RequestRejected: _rejected,
    e.RequestExpired: _expired,
    e.LeaseRevoked: _aborted,
    e.RequestAborted: _aborted,
}
