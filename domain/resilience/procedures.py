"""Recovery procedures: what is done for a provider that fails again and again."""

from ..draft import Draft
from ..models.leaving import drain, may_drain
from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from .concurrency import capacity
from .events import ConcurrencyChanged, RecoveryStarted
from .settings import Procedure
from .state import Breaker

_NS_PER_MS = 1_000_000


def recover(draft: Draft, provider: str) -> None:
    """Begin what the settings want after so many failures in a row, each as often as its cool-down allows."""
    breaker = draft.state.breakers[provider]
    for procedure in draft.state.host.settings.recovery if breaker.failures else ():
        tests = Comparisons()
        if not _is_due(draft, breaker, procedure, tests):
            continue
        draft.conclude(
            RecoveryStarted(
                provider=provider,
                action=procedure.action,
                failures=breaker.failures,
                reason=Reason(rule="recovery.failures", tests=tests.tests, evidence={"call": breaker.called}),
            )
        )
        if procedure.action == "scale-down":
            _scale_down(draft, provider)


def _is_due(draft: Draft, breaker: Breaker, procedure: Procedure, tests: Comparisons) -> bool:
    if not tests.hold("failures in a row", breaker.failures, ">=", procedure.threshold):
        return False
    last = breaker.procedures.get(procedure.action)
    if last is None:
        return True
    passed_ms = (draft.state.at - last) // _NS_PER_MS
    return tests.hold("since the last one_ms", passed_ms, ">=", procedure.cooldown_ms)


def _scale_down(draft: Draft, provider: str) -> None:
    """Half as many at once, and nothing in memory that nobody uses."""
    breaker = draft.state.breakers[provider]
    before = breaker.limit or capacity(draft.state, provider)
    tests = Comparisons()
    if tests.hold("limit", before, ">", 1):
        draft.conclude(
            ConcurrencyChanged(
                provider=provider,
                before=breaker.limit,
                after=max(1, before // 2),
                trigger="scale_down",
                reason=Reason(rule="recovery.scale_down", tests=tests.tests),
            )
        )
    wanted = {request.model: True for request in draft.state.waiting()}
    for model in tuple(draft.state.models.values()):
        idle = may_drain(draft.state, model) and not model.leases and model.name not in wanted
        if idle and provider_of(model.name) == provider and not draft.state.host.pinned(model.name):
            drain(draft, model, "recovery", None, Reason(rule="recovery.scale_down"))
