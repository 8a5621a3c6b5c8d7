"""What models were seen to take, and how far that was from what was expected of them.

Where a load was measured, the like of it is expected to take as much again: the same weights, window, slots
and engine. A load that never was is expected to err as the other loads of its engine did: their residuals
(measured less estimated, in per-mille of the estimate) correct the estimate and say how sure it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..copying import replace
from .eviction import Amounts
from .values import Description

_T = TypeVar("_T")

#: Loads of one kind that are remembered: a measurement that was too large once is forgotten in the end.
LOADS = 5
#: Kinds and pools that are remembered, the oldest forgotten first.
_KINDS = 512
_POOLS = 32
#: Residuals that a pool remembers, one for each kind of load.
_RESIDUALS = 64
#: So many residuals speak for themselves; fewer are not trusted to have met the extremes.
_MANY = 20


@dataclass(frozen=True)
class Calibration:
    """All that was learnt from measuring."""

    #: Bytes by device of the last loads, the newest last, by what was loaded (`identity`).
    measured: dict[str, tuple[Amounts, ...]] = field(default_factory=dict[str, tuple[Amounts, ...]])
    #: Residual in per-mille by what was loaded, the newest last, by engine (`pool_of`).
    residuals: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    #: By how much a provider under-reported in its last loads, one after the other, in per-mille, by engine.
    suspicion: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    #: What is added to what a provider reports, in per-mille, by engine.
    added: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Correction:
    """What is added to an estimate, in per-mille of it: most likely, at least and at most."""

    likely: int
    low: int
    high: int
    #: Kinds of loads that say so.
    count: int


def identity(description: Description) -> str:
    """What a measured size is good for: these weights, this window, this engine."""
    return (
        f"{description.digest}/{description.context_tokens}/{description.slots}/{description.kv_type}"
        f"/{description.engine}/{description.device}"
    )


def pool_of(description: Description) -> str:
    """Loads that err alike: of one version of an engine, on one device, with keys and values stored alike."""
    return f"{description.engine}/{description.kv_type}/{description.device}"


def correction(residuals: Sequence[int]) -> Correction | None:
    """What residuals say of the next one; None when there are none.

    The most likely is their median, with one 0 among them for the formula, which counts as much as one
    measurement: a single residual is believed by half.
    The bounds are order statistics: of n residuals and one more, all orders are equally likely, so the next
    lies between the least and the greatest of n with a probability of (n - 1) / (n + 1), whatever their
    distribution (Wilks 1941). From 20 on that is 90 %, and as many are left out at either end as keep it
    so: one wild measurement among 40 does no harm. Fewer, and 0, are widened by 3 / 2n of their range:
    tried on normal, biased, skewed and uniform residuals, that is 70 to 90 % for one and 90 % from eight on.
    """
    count = len(residuals)
    if not count:
        return None
    ordered = sorted(residuals)
    likely = _median(sorted((0, *ordered)))
    if count >= _MANY:
        spare = count // _MANY - 1
        low, high = ordered[spare], ordered[-1 - spare]
    else:
        low, high = min(0, ordered[0]), max(0, ordered[-1])
        wider = (high - low) * 3 // (2 * count)
        low, high = low - wider, high + wider
    return Correction(likely=likely, low=max(-900, min(low, likely)), high=max(high, likely), count=count)


def learnt(
    calibration: Calibration, description: Description, memory: Amounts, *, again: bool
) -> Calibration:
    """After a load of `description` was measured; `again` when it is the last load that is measured anew."""
    kind, pool = identity(description), pool_of(description)
    loads = calibration.measured.get(kind, ())
    if again and loads:
        loads, memory = loads[:-1], largest((loads[-1], memory))
    loads = (*loads, memory)[-LOADS:]
    measured = _newest({**_without(calibration.measured, kind), kind: loads}, _KINDS)
    expected = description.estimate_bytes
    if expected <= 0 or not description.weights_bytes:
        # What is not known but for an overhead is no estimate: it would be wrong by a factor of hundreds.
        return replace(calibration, measured=measured)
    residual = (sum(memory.values()) - expected) * 1000 // expected
    known = _newest({**_without(calibration.residuals.get(pool, {}), kind), kind: residual}, _RESIDUALS)
    residuals = _newest({**_without(calibration.residuals, pool), pool: known}, _POOLS)
    return replace(calibration, measured=measured, residuals=residuals)


def largest(loads: Sequence[Amounts]) -> Amounts:
    """The most of each device that any of these loads took."""
    found: Amounts = {}
    for load in loads:
        for device, size in load.items():
            found[device] = max(size, found.get(device, 0))
    return found


def _median(ordered: Sequence[int]) -> int:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def _without(entries: dict[str, _T], name: str) -> dict[str, _T]:
    return {known: entry for known, entry in entries.items() if known != name}


def _newest(entries: dict[str, _T], count: int) -> dict[str, _T]:
    surplus = len(entries) - count
    return {name: entry for n, (name, entry) in enumerate(entries.items()) if n >= surplus}
