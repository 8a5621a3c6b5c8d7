"""The next moment at which time alone can change what should be done."""

from collections.abc import Iterator

from .contexts import reclaim
from .host.state import Phase
from .models.idle import idle_limit_ms
from .models.machine import ModelState
from .patterns.reclaim import due as patterns_due
from .requests.line import NS_PER_MS, lacks_room
from .resilience import wakeups
from .state import State


def next_wakeup(state: State, after: int = 0) -> int | None:
    """UTC nanoseconds of the next `TimerFired`; None when nothing waits for time to pass.

    `after` is when the last one fired: a step that decided nothing is not recorded, so `state` does not know.
    """
    due = [max(moment, state.at) for moment in _certain(state)]
    passed = max(state.at, after)
    return min((*due, *(moment for moment in _possible(state) if moment > passed)), default=None)


def _certain(state: State) -> Iterator[int]:
    """Moments at which something will be decided, and until then not; they stay due however late it is."""
    limits = state.host.settings.limits
    for request in state.requests.values():
        if request.granted_at is not None:
            yield request.granted_at + limits.lease_max_ms * NS_PER_MS
        elif request.deadline_at is not None:
            yield request.deadline_at
    for model in state.models.values():
        if model.state is ModelState.FAILED:
            yield model.retry_at
        idle_ms = idle_limit_ms(state, model) if state.host.phase is Phase.RUNNING else None
        if idle_ms is not None:
            yield max(model.last_used_at + idle_ms * NS_PER_MS, model.retry_at)
    yield from wakeups.certain(state)
    yield from reclaim.moments(state)
    moment = patterns_due(state)
    if moment is not None:
        yield moment


def _possible(state: State) -> Iterator[int]:
    """Moments from which on something more is allowed; every step decides anew whether that helps."""
    budget_ns = state.host.settings.limits.overtake_budget_ms * NS_PER_MS
    for request in state.waiting():
        if request.overtaken_since is not None:
            yield request.overtaken_since + budget_ns
    room_is_wanted = (
        state.host.overcommitted
        or state.host.phase is Phase.STOPPING
        or any(lacks_room(state, request) for request in state.waiting())
    )
    for model in state.models.values() if room_is_wanted else ():
        if model.state is ModelState.READY:
            yield model.retry_at
    yield from wakeups.possible(state)
