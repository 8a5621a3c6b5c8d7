"""What time alone brings: deadlines pass, leases run out, pauses end."""

from ..draft import Draft
from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from ..requests.events import LeaseRevoked, RequestExpired
from ..requests.line import NS_PER_MS
from ..state import State
from .events import ModelCooledDown
from .machine import ModelState
from .state import Model


def expire_waiting(draft: Draft) -> None:
    """Turn away the waiting whose deadline has passed."""
    for request in draft.state.waiting():
        if request.deadline_at is None or draft.state.at < request.deadline_at:
            continue
        tests = Comparisons()
        waited_ms = (draft.state.at - request.arrived_at) // NS_PER_MS
        tests.hold("waited_ms", waited_ms, ">=", (request.deadline_at - request.arrived_at) // NS_PER_MS)
        draft.conclude(
            RequestExpired(
                request=request.position,
                model=request.model,
                waited_ms=waited_ms,
                reason=Reason(rule="queue.deadline", tests=tests.tests),
            )
        )


def revoke_expired(draft: Draft) -> None:
    """Take back leases that have been held for longer than the settings allow."""
    limit_ms = draft.state.host.settings.limits.lease_max_ms
    for request in tuple(draft.state.requests.values()):
        if request.granted_at is None:
            continue
        held_ms = (draft.state.at - request.granted_at) // NS_PER_MS
        tests = Comparisons()
        if tests.hold("held_ms", held_ms, ">=", limit_ms):
            draft.conclude(
                LeaseRevoked(
                    request=request.position,
                    model=request.model,
                    code="LEASE_EXPIRED",
                    values={"model": request.model, "held_ms": str(held_ms)},
                    reason=Reason(rule="lease.max", tests=tests.tests),
                )
            )


def cool_down(draft: Draft) -> None:
    """Let failed models be tried again whose pause is over, or whose provider was away and has come back."""
    for model in tuple(draft.state.models.values()):
        if model.state is not ModelState.FAILED:
            continue
        tests = Comparisons()
        rule = "load.cool_down"
        if not tests.hold("cool_down_ms", pause_ms(model.retry_at, draft.state.at), "<=", 0):
            rule = "load.provider_back"
            if not _came_back(draft.state, model, tests):
                continue
        draft.conclude(ModelCooledDown(model=model.name, reason=Reason(rule=rule, tests=tests.tests)))


def _came_back(state: State, model: Model, tests: Comparisons) -> bool:
    """Whether its provider has been away since the load failed, and answers again."""
    provider = state.providers.get(provider_of(model.name))
    if provider is None or not provider.returned_at:
        return False
    failed_ms = (state.at - model.since) // NS_PER_MS
    return tests.hold("failed_ms", failed_ms, ">=", (state.at - provider.returned_at) // NS_PER_MS)


def pause_ms(until: int, now: int) -> int:
    """What is left of a pause, a begun millisecond counted as a whole one."""
    return -((now - until) // NS_PER_MS)
