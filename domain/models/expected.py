"""What a load is expected to take: how much, how sure that is, and how it is known."""

from dataclasses import dataclass

from ..state import State
from .calibration import correction, identity, largest, pool_of
from .eviction import Amounts
from .values import REMOTE, Description


@dataclass(frozen=True, slots=True)
class Expected:
    """Bytes that a model will take once loaded, all devices together."""

    likely: int
    #: Between these with a probability of about 90 %; None when nobody has measured anything like it.
    low: int | None
    high: int | None
    #: By device; what admission sets aside before it is kept below a device's ceiling.
    memory: Amounts
    #: By device, what it will take most likely.
    likeliest: Amounts
    #: `settings`, `measured`, `estimate (gguf header), corrected by 7 models on ollama 0.12`.
    provenance: str


def expected(state: State, description: Description) -> Expected:
    """The user's word, or what the last loads of its like took, or the estimate as corrected by other loads.

    Of a model that was never measured the upper end is set aside: too little is paid for with memory that
    others hold, on some providers with every model they hold; too much costs an early eviction, once, for the
    first load is measured.
    """
    device = description.device
    size = state.host.settings.model_sizes.get(description.model)
    if size is not None:
        return _certain({device: size}, "settings")
    if device == REMOTE:
        return _certain({}, "remote")
    loads = state.calibration.measured.get(identity(description))
    if loads:
        totals = [sum(load.values()) for load in loads]
        most = largest(loads)
        return Expected(max(totals), min(totals), max(totals), most, most, "measured")
    estimate = description.estimate_bytes
    provenance = f"estimate ({description.provenance})"
    pool = state.calibration.residuals.get(pool_of(description), {})
    found = correction(tuple(pool.values()))
    if found is None:
        return Expected(estimate, None, None, {device: estimate}, {device: estimate}, provenance)
    likely, low, high = (_plus(estimate, added) for added in (found.likely, found.low, found.high))
    models = f"{found.count} model{'s' if found.count > 1 else ''}"
    corrected = f"{provenance}, corrected by {models} on {description.engine}"
    return Expected(likely, low, high, {device: high}, {device: likely}, corrected)


def _certain(memory: Amounts, provenance: str) -> Expected:
    size = sum(memory.values())
    return Expected(size, size, size, memory, memory, provenance)


def _plus(size: int, per_mille: int) -> int:
    return size * (1000 + per_mille) // 1000
