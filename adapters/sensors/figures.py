"""What a kernel or driver says, made possible: it may be negative, not a number, or more than there is."""

import math

from ...domain.models.values import DeviceReading

#: The most that the journal holds exactly.
_MOST = 2**53


def whole(value: float, most: int = _MOST) -> int:
    """The nearest whole number from 0 to `most`; 0 for what is not a number."""
    if math.isnan(value):
        return 0
    return round(max(0, min(value, most)))


def device(name: str, total_bytes: float, used_bytes: float) -> DeviceReading:
    """A device of which no more is used than there is."""
    total = whole(total_bytes)
    return DeviceReading(device=name, total_bytes=total, used_bytes=whole(used_bytes, total))
