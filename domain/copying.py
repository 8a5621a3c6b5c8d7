"""Copies of frozen values with some fields changed."""

from typing import TYPE_CHECKING

__all__ = ["replace"]

if TYPE_CHECKING:
    from dataclasses import replace
else:
    _new = object.__new__
    _set = object.__setattr__

    def replace(value, /, **changes):
        """What `dataclasses.replace` does, for values without slots, at a tenth of its cost.

        Every step copies the state a few times; half the time of a replay went into the original.
        """
        known = value.__dict__
        fields = known | changes
        if len(fields) != len(known):
            raise TypeError(f"{value.__class__.__name__} has no field {[*fields][len(known)]!r}")
        copy = _new(value.__class__)
        _set(copy, "__dict__", fields)
        return copy
