"""The sliding windows of calls: the last N, or those of the last N seconds (in buckets of one second).

resilience4j's `FixedSizeSlidingWindowMetrics` and `SlidingTimeWindowMetrics`.
"""

from dataclasses import dataclass

from ..copying import replace
from .settings import BreakerSettings

#: (second, calls, failed, slow)
Bucket = tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """What the last calls came to."""

    #: One letter a call, the newest last: `.` as it should be, `f` failed, `s` slow.
    calls: str = ""
    #: Of a window of time instead, the oldest first; seconds without calls have none.
    buckets: tuple[Bucket, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """A window, counted."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    @property
    def failure_rate(self) -> int:
        """Per-mille of the calls that failed."""
        return self.failed * 1000 // self.calls if self.calls else 0

    @property
    def slow_rate(self) -> int:
        """Per-mille of the calls that were slow."""
        return self.slow * 1000 // self.calls if self.calls else 0


def pushed(window: Window, settings: BreakerSettings, at_ms: int, *, failed: bool, slow: bool) -> Window:
    """The window after one more call."""
    if settings.sliding_window_type == "time":
        return replace(window, buckets=_bucketed(window.buckets, settings, at_ms // 1000, failed, slow))
    letter = "f" if failed else "s" if slow else "."
    return replace(window, calls=(window.calls + letter)[-settings.sliding_window_size :])


def counted(window: Window, settings: BreakerSettings, at_ms: int) -> Totals:
    """What is in the window at a moment."""
    if settings.sliding_window_type == "count":
        calls = window.calls
        return Totals(len(calls), calls.count("f"), calls.count("s"))
    recent = _recent(window.buckets, settings, at_ms // 1000)
    return Totals(*(sum(bucket[n] for bucket in recent) for n in (1, 2, 3)))


def _bucketed(
    buckets: tuple[Bucket, ...], settings: BreakerSettings, second: int, failed: bool, slow: bool
) -> tuple[Bucket, ...]:
    calls, failures, slows = 1, int(failed), int(slow)
    if buckets and buckets[-1][0] == second:
        _, *before = buckets[-1]
        calls, failures, slows = before[0] + 1, before[1] + failures, before[2] + slows
        buckets = buckets[:-1]
    return (*_recent(buckets, settings, second), (second, calls, failures, slows))


def _recent(buckets: tuple[Bucket, ...], settings: BreakerSettings, second: int) -> tuple[Bucket, ...]:
    since = second - settings.sliding_window_size
    return tuple(bucket for bucket in buckets if bucket[0] > since)
