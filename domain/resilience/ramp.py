"""The way back: how many calls may be under way at once, some time after the probes have succeeded.

Envoy's slow start gives a share of `max(min, (t / window) ^ (1 / aggression))`; here it is a share of the
places, rounded up. In integers: the smallest number n with `(n / most) ^ aggression >= t / window`.
"""

from .settings import Ramp

_NS_PER_MS = 1_000_000


def allowed(most: int, passed_ns: int, ramp: Ramp) -> int:
    """How many of `most` may be under way, at least one."""
    window = ramp.window_ms * _NS_PER_MS
    if passed_ns >= window:
        return most
    target = most**ramp.aggression * passed_ns
    low, high = max(1, -(-most * ramp.min_per_mille // 1000)), most
    while low < high:
        middle = (low + high) // 2
        if middle**ramp.aggression * window >= target:
            high = middle
        else:
            low = middle + 1
    return low


def next_step(most: int, now: int, ramp: Ramp) -> int:
    """Nanoseconds after the beginning of the ramp at which more than `now` may be under way."""
    window = ramp.window_ms * _NS_PER_MS
    return window if now >= most else window * now**ramp.aggression // most**ramp.aggression + 1
