"""Who could leave, with what it would free and what its absence would cost; and who could not, and why."""

from typing import Literal

from ..reasons import Candidate, Exclusion
from ..requests.line import NS_PER_MS
from ..requests.state import Request
from ..state import State
from . import ledger
from .abilities import way_out
from .demand import loss_us_per_hour, rate_per_day
from .machine import LEAVING, ModelState
from .state import Model

#: Assumed until a model has been loaded once: half a second, and a gigabyte of weights a second.
_LOAD_MS_AT_LEAST = 500
_LOAD_BYTES_PER_MS = 1_000_000


#: How far down the ladder victims are looked for: models that nobody uses or waits for; models that nobody
#: uses, waited for only by requests that came later; and models in use, waited for likewise.
Reach = Literal["idle", "wanted", "in_use"]


def pool(
    state: State, request: Request | None, reach: Reach
) -> tuple[tuple[Candidate, ...], tuple[Exclusion, ...]]:
    """Split the resident models into candidates and exclusions, from the point of view of `request`."""
    candidates: list[Candidate] = []
    excluded: list[Exclusion] = []
    queued = _queued(state, None if reach == "idle" else request)
    for other in state.resident():
        because = rooted(state, other) or _wanted(other, queued.get(other.name, 0), reach)
        if because:
            excluded.append(Exclusion(model=other.name, because=because))
        else:
            candidates.append(candidate(state, other))
    return tuple(candidates), tuple(excluded)


def candidate(state: State, model: Model) -> Candidate:
    """What unloading a model frees, and its score under the policy in force; the lowest leaves first."""
    now_ms = state.at // NS_PER_MS
    cost_ms = load_cost_ms(model)
    figures = {
        "load_ms": cost_ms,
        "idle_ms": (state.at - model.last_used_at) // NS_PER_MS,
        "requests": model.demand.count,
        "leases": len(model.leases),
        "requests_per_day": rate_per_day(model.demand, now_ms) >> 32,
    }
    return Candidate(
        model=model.name, score=_score(state, model), frees=ledger.frees(state, model), figures=figures
    )


def load_cost_ms(model: Model) -> int:
    """Milliseconds that loading takes: as measured, or guessed from the size before the first time."""
    if model.load_ms is not None:
        return model.load_ms
    return _LOAD_MS_AT_LEAST + sum(model.memory.values()) // _LOAD_BYTES_PER_MS


def _score(state: State, model: Model) -> tuple[int, ...]:
    settings = state.host.settings
    match settings.eviction.policy:
        case "hybrid":
            return (loss_us_per_hour(model.demand, load_cost_ms(model), state.at // NS_PER_MS),)
        case "lru":
            return (model.last_used_at,)
        case "lfu":
            return (model.demand.count, model.last_used_at)
        case "priority":
            return (settings.priorities.get(model.name, 0), model.last_used_at)


def rooted(state: State, model: Model) -> str | None:
    """Why a resident model may not be chosen whoever wants its room; None when it may."""
    if model.state in LEAVING:
        return "leaving"
    if model.state is ModelState.LOADING:
        return "loading"
    if state.host.pinned(model.name):
        return "pinned"
    if way_out(state, model) is None:
        return "asleep" if model.state is ModelState.SLEEPING else "its provider cannot unload"
    if model.retry_at > state.at:
        return "refused to leave"
    return None


def _wanted(model: Model, queued: int, reach: Reach) -> str | None:
    """Who protects a model, seen from the request that wants its room; None when nobody does."""
    if queued:
        return f"queued={queued}"
    if model.leases and reach != "in_use":
        return f"leases={len(model.leases)}"
    return None


def _queued(state: State, before: Request | None) -> dict[str, int]:
    """How many requests wait for each model; of those that came before one, when it is given."""
    found: dict[str, int] = {}
    for request in state.waiting():
        if before is None or request.position < before.position:
            found[request.model] = found.get(request.model, 0) + 1
    return found
