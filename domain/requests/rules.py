"""What the arrival of a request leads to, and what becomes of those that a stopped manager left open."""

from ..draft import Draft
from ..host.state import Phase
from ..models.refusals import reject
from ..models.schedule import grantable, on_its_way, schedule
from ..reasons import Comparisons, Reason
from ..resilience.fallback import redirect
from ..resilience.gate import refusing
from ..resilience.refusing import turn_away
from .events import LeaseRevoked, RequestAborted, RequestArrived, RequestQueued
from .state import Request


def on_arrived(draft: Draft, _fact: RequestArrived) -> None:
    """Serve it, or say why it waits, or turn it away."""
    request = draft.state.requests[draft.fact.position]
    if _turned_away(draft, request):
        schedule(draft)
        return
    reasons = schedule(draft)
    still = draft.state.requests.get(request.position)
    # The lease that was free may be barred to it: then it must wait after all, and the queue may be full.
    if still and still.waiting and not _finds_queue_full(draft, still):
        reason = reasons.get(still.position) or on_its_way(draft.state, still)
        draft.conclude(RequestQueued(request=still.position, model=still.model, reason=reason))


def abort_open(draft: Draft, rule: str) -> None:
    """Close every open request: nobody waits for it any more, or nobody will be served any more."""
    for request in tuple(draft.state.requests.values()):
        reason = Reason(rule=rule)
        if rule == "manager.started" or request.waiting:
            draft.conclude(RequestAborted(request=request.position, model=request.model, reason=reason))
        else:
            draft.conclude(
                LeaseRevoked(
                    request=request.position,
                    model=request.model,
                    code="MANAGER_CLOSED",
                    values={},
                    reason=reason,
                )
            )


def _turned_away(draft: Draft, request: Request) -> bool:
    """Reject what cannot even wait: a closing manager, no such model, a full queue."""
    state = draft.state
    tests = Comparisons()
    phase, closed = state.host.phase.value, (Phase.STOPPING, Phase.STOPPED)
    if not all(tests.hold("phase", phase, "!=", other.value) for other in closed):
        reject(draft, request, "MANAGER_CLOSED", {}, Reason(rule="queue.closed", tests=tests.tests))
        return True
    model = state.models.get(request.model)
    if not tests.hold("described", int(model is not None and model.description is not None), "==", 1):
        if redirect(draft, request, "fallback.unknown"):
            return False
        if refusing(state, request.model):
            turn_away(draft)
            return True
        values = {"model": request.model, "problem": "no provider has described it"}
        reject(draft, request, "INVALID_MODEL_ID", values, Reason(rule="queue.unknown", tests=tests.tests))
        return True
    return not grantable(state, request) and _finds_queue_full(draft, request)


def _finds_queue_full(draft: Draft, request: Request) -> bool:
    """Reject a request that would have to wait when as many wait already as may."""
    tests = Comparisons()
    waiting = len(draft.state.waiting()) - 1
    limit = draft.state.host.settings.queue.max_waiting
    if not tests.hold("waiting", waiting, ">=", limit):
        return False
    values = {"waiting": str(waiting), "limit": str(limit)}
    reject(draft, request, "QUEUE_FULL", values, Reason(rule="queue.full", tests=tests.tests))
    return True
