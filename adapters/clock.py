"""The system's clock."""

import time

#: Counts through suspension where the system has such a clock (Linux); elsewhere the monotonic one.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """UTC at the start, and steady from there: a wall clock that is set back or forward moves nothing.

    `not_before` is the time of the last recorded event: a journal's time never decreases, and durations
    stay true even when the wall clock is behind what was recorded.
    """

    def __init__(self, not_before: int = 0) -> None:
        self._offset = max(time.time_ns(), not_before) - time.clock_gettime_ns(_STEADY)

    def now(self) -> int:
        """UTC nanoseconds."""
        return self._offset + time.clock_gettime_ns(_STEADY)
