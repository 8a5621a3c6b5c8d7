"""How hard texts are packed, and which of the packed ones are kept no longer."""

from collections.abc import Sequence
from typing import NamedTuple

from .settings import CompressionSettings

#: Used memory in per-mille from which on packing harder is worth the time, and the level then.
_PRESSED = ((950, 15), (850, 12), (700, 9))
_RELAXED = 6
#: From this many bytes of text on, a level more pays for itself.
_LONG = 1 << 20
_LEVEL_MAX = 19


class Kept(NamedTuple):
    """A context that is packed."""

    name: str
    bytes: int
    #: When it was packed.
    at_ms: int


def level_for(size: int, pressure_per_mille: int, settings: CompressionSettings) -> int:
    """The level of zstd for so many bytes of text: higher the less memory is free and the longer it is."""
    if settings.strategy == "fixed":
        return settings.level
    level = next((level for pressed, level in _PRESSED if pressure_per_mille >= pressed), _RELAXED)
    return min(level + (size >= _LONG), _LEVEL_MAX)


def over(kept: Sequence[Kept], *, max_bytes: int, max_age_ms: int | None, now_ms: int) -> tuple[str, ...]:
    """Whom to let go, the oldest first: who is too old, and more until the others have room."""
    gone, left = list[str](), sum(one.bytes for one in kept)
    for one in sorted(kept, key=lambda one: (one.at_ms, one.name)):
        old = max_age_ms is not None and now_ms - one.at_ms > max_age_ms
        if old or left > max_bytes:
            gone.append(one.name)
            left -= one.bytes
    return tuple(gone)
