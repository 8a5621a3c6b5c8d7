"""When an idle model is not worth its memory any more.

Ski rental: keep it while what its memory costs is below what loading it again would cost; then the total is
at most twice that of knowing the future. The price says what memory is worth when nobody else wants it; a
model that somebody wants the memory of is evicted at once, by admission.
"""

from ..draft import Draft
from ..host.state import Phase
from ..reasons import Comparisons, Reason
from ..requests.line import NS_PER_MS
from ..state import State
from .abilities import way_out
from .candidates import load_cost_ms
from .leaving import drain
from .machine import ModelState
from .state import Model

_GIB = 1 << 30
_MS_PER_HOUR = 3_600_000


def unload_idle(draft: Draft) -> None:
    """Unload the models that have been idle for as long as they are worth."""
    if draft.state.host.phase is not Phase.RUNNING:
        return
    for model in tuple(draft.state.models.values()):
        limit_ms = idle_limit_ms(draft.state, model)
        if limit_ms is None or draft.state.at < model.retry_at:
            continue
        tests = Comparisons()
        if tests.hold("idle_ms", (draft.state.at - model.last_used_at) // NS_PER_MS, ">=", limit_ms):
            drain(draft, model, "idle", None, Reason(rule="unload.idle", tests=tests.tests))


def idle_limit_ms(state: State, model: Model) -> int | None:
    """How long a model that is idle now may stay so.

    None when it is not idle or somebody waits for it, when it is pinned, and when it may stay for ever.
    """
    if model.state is not ModelState.READY or model.leases or state.host.pinned(model.name):
        return None
    if way_out(state, model) is None:
        return None
    if any(request.model == model.name for request in state.waiting()):
        return None
    limits = state.host.settings.limits
    price = sum(model.memory.values()) * limits.idle_price_ms_per_gib_hour
    allowed = [load_cost_ms(model) * _MS_PER_HOUR * _GIB // price] if price else []
    if limits.inactivity_timeout_ms is not None:
        allowed.append(limits.inactivity_timeout_ms)
    return min(allowed) if allowed else None
