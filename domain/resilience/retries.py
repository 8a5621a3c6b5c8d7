"""Whether a call that failed before its first byte is made again.

The budget is Envoy's (`retry_budget`: a share of the open requests, and never fewer than a minimum), so that
retries cannot multiply the load of a provider that is in trouble. The waits are resilience4j's: exponential
and randomised, the chance drawn from the position of the fact.
"""

from ..draft import Draft
from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from ..requests.state import Request
from ..state import State
from .calls import breaker_of
from .events import RetryAsked, RetryDenied, RetryGranted
from .fallback import chain, redirect
from .machine import REFUSING, BreakerState
from .review import review
from .settings import RetrySettings

_NS_PER_MS = 1_000_000
#: States in which a call needs a permit that a second attempt does not have.
_BARRED = (*REFUSING, BreakerState.HALF_OPEN)


def worth_asking(state: State, model: str, code: str) -> bool:
    """Whether a failure with this code can lead to another attempt, or to another model."""
    settings = state.host.settings
    if code in settings.retry.codes and settings.retry.max_attempts > 1:
        return True
    return _is_the_providers(state, code) and bool(chain(settings.fallbacks, model))


def on_retry_asked(draft: Draft, fact: RetryAsked) -> None:
    """Grant another attempt, turn to another model, or leave it at the failure."""
    review(draft)
    request = draft.state.requests.get(fact.request)
    if request is None or request.waiting:
        return
    tests = Comparisons()
    wait_ms = _wait_ms(draft.state, request, fact)
    obstacle = _obstacle(draft.state, request, fact, wait_ms, tests)
    if obstacle is None:
        draft.conclude(
            RetryGranted(
                request=request.position,
                model=request.model,
                attempt=request.retries + 2,
                wait_ms=wait_ms,
                reason=Reason(rule="retry.budget", tests=tests.tests),
            )
        )
        return
    if _is_the_providers(draft.state, fact.code) and redirect(draft, request, "fallback.failed"):
        return
    draft.conclude(
        RetryDenied(
            request=request.position,
            model=request.model,
            code=fact.code,
            reason=Reason(rule=obstacle, tests=tests.tests),
        )
    )


def _obstacle(
    state: State, request: Request, fact: RetryAsked, wait_ms: int, tests: Comparisons
) -> str | None:
    """The rule that forbids another attempt."""
    settings = state.host.settings.retry
    if not tests.hold("retryable", int(fact.code in settings.codes), "==", 1):
        return "retry.code"
    if not tests.hold("attempts", request.retries + 1, "<", settings.max_attempts):
        return "retry.attempts"
    stands = breaker_of(state, provider_of(request.model)).state
    if not all(tests.hold("breaker", stands.value, "!=", barred.value) for barred in _BARRED):
        return "retry.breaker"
    if not tests.hold("wait_ms", wait_ms, "<=", settings.wait_max_ms):
        return "retry.wait"
    under_way = sum(1 for other in state.requests.values() if other.retries and other is not request)
    if not tests.hold("retries under way", under_way, "<", _budget(state, settings)):
        return "retry.budget"
    return None


def _budget(state: State, settings: RetrySettings) -> int:
    return max(settings.budget_min, len(state.requests) * settings.budget_per_mille // 1000)


def _wait_ms(state: State, request: Request, fact: RetryAsked) -> int:
    """Exponential, randomised, and never shorter than what the provider asked for."""
    settings = state.host.settings.retry
    wait_ms = settings.wait_ms
    for _ in range(request.retries):
        wait_ms = min(settings.wait_max_ms, wait_ms * settings.wait_multiplier_per_mille // 1000)
    swing = wait_ms * settings.randomization_per_mille // 1000
    wait_ms += swing * (2 * _chance(state.position) - 1000) // 1000
    busy_until = breaker_of(state, provider_of(request.model)).busy_until
    busy_ms = -((state.at - busy_until) // _NS_PER_MS)
    return max(0, wait_ms, fact.retry_after_ms or 0, busy_ms)


def _chance(position: int) -> int:
    """0 to 999, by a multiplicative hash (Knuth, TAOCP 3, 6.4): neighbours come out far apart."""
    return (position * 2_654_435_761 % 2**32) * 1000 >> 32


def _is_the_providers(state: State, code: str) -> bool:
    """Whether another provider could do better."""
    return code == "PROVIDER_BUSY" or code in state.host.settings.breaker.record
