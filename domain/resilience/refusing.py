"""Turning away whoever wants a provider whose breaker is open."""

from ..draft import Draft
from ..models.lapse import pause_ms
from ..models.refusals import reject
from ..reasons import Comparisons, Reason
from ..state import State
from .fallback import redirect
from .gate import refusing
from .machine import REFUSING, BreakerState
from .state import Breaker


def turn_away(draft: Draft) -> None:
    """Reject the waiting whose provider is not asked, or have another model answer."""
    if not [1 for breaker in draft.state.breakers.values() if breaker.state in REFUSING]:
        return
    for request in draft.state.waiting():
        breaker = refusing(draft.state, request.model)
        if breaker is None or redirect(draft, request, "fallback.breaker"):
            continue
        tests = Comparisons()
        any(tests.hold("breaker", breaker.state.value, "==", state.value) for state in REFUSING)
        evidence = {"breaker": breaker.position} if breaker.position else {}
        reason = Reason(rule="queue.circuit_open", tests=tests.tests, evidence=evidence)
        reject(draft, request, "CIRCUIT_OPEN", values(draft.state, breaker), reason)


def values(state: State, breaker: Breaker) -> dict[str, str]:
    """What `CircuitOpen` names; nobody knows when an operator will think otherwise."""
    remaining, cause = "unknown", "an operator wants it so"
    if breaker.state is not BreakerState.FORCED_OPEN:
        remaining, cause = str(max(0, pause_ms(breaker.until, state.at))), breaker.cause
    return {
        "provider": breaker.provider,
        "state": breaker.state.value,
        "cause": cause,
        "retry_after_ms": remaining,
    }
