"""How much a model is wanted: two decayed request counts that survive eviction.

The HYBRID rule: one count forgets within minutes, the other within hours; half the weight each. Measured
on public traces at 1.23 times the offline optimum where least-recently-used takes 1.54 times
(`benchmarks/`). Fixed point with 32 fractional bits; see `fixed`.
"""

from dataclasses import dataclass

from ..fixed import ONE, decay

FAST_MS = 600_000
SLOW_MS = 43_200_000


@dataclass(frozen=True)
class Demand:
    """Requests for one model, as decayed counts at the moment of the last one."""

    fast: int = 0
    slow: int = 0
    #: Milliseconds since the epoch of the last request; 0 before the first.
    last_ms: int = 0
    #: Requests ever, undecayed.
    count: int = 0


def requested(demand: Demand, now_ms: int, *, repeated: bool = False) -> Demand:
    """The demand after one more request; `repeated` when no other model was asked for since the last one.

    A repetition counts a sixteenth: nobody could have taken the model's place in between, so it says little
    about what its absence would cost. (Correlated references, as in LRU-K: O'Neil et al., SIGMOD 1993.)
    """
    weight = ONE // 16 if repeated else ONE
    elapsed = now_ms - demand.last_ms
    return Demand(
        fast=decay(demand.fast, elapsed, FAST_MS) + weight,
        slow=decay(demand.slow, elapsed, SLOW_MS) + weight,
        last_ms=now_ms,
        count=demand.count + 1,
    )


def rate_per_day(demand: Demand, now_ms: int) -> int:
    """Requests per day to expect soon, times 2**32: `fast / 10 min` and `slow / 12 h`, half of each."""
    elapsed = now_ms - demand.last_ms
    per_fast = 86_400_000 // FAST_MS
    per_slow = 86_400_000 // SLOW_MS
    fast = decay(demand.fast, elapsed, FAST_MS) * per_fast
    slow = decay(demand.slow, elapsed, SLOW_MS) * per_slow
    return (fast + slow) // 2


def loss_us_per_hour(demand: Demand, load_ms: int, now_ms: int) -> int:
    """What being without the model will cost: microseconds of loading an hour. HYBRID protects that value."""
    return load_ms * 1000 * rate_per_day(demand, now_ms) // 24 // ONE
