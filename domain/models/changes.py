"""Whether a model in memory is still as it was recorded."""

from ..settings import Sampling
from .state import Model
from .values import Residency


def differs(model: Model, residency: Residency, sampling: Sampling) -> bool:
    """Whether a report says something new: another window, other slots, or memory beyond the dead band.

    What a model's own process takes is none of it: the readings of the machine have that, and more often.
    """
    known = model.residency
    if known is None:
        return False
    if residency.context_tokens and residency.context_tokens != known.context_tokens:
        return True
    if max(1, residency.slots) != model.slots:
        return True
    return residency.pid is None and bool(residency.memory) and _memory_differs(known, residency, sampling)


def _memory_differs(known: Residency, residency: Residency, sampling: Sampling) -> bool:
    """A share of the whole model, or of a device that it moved to or from."""
    whole = sum(known.memory.values())
    devices = {**known.memory, **residency.memory}
    return any(
        abs(residency.memory.get(device, 0) - known.memory.get(device, 0)) * 1000
        > sampling.dead_band_per_mille * whole
        for device in devices
    )
