"""Copies of frozen values with some fields changed."""

from typing import TYPE_CHECKING

__all__ = ["replace"]

if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(value, /, **changes):
        """What `dataclasses.replace` does, for values without slots, at a tenth of its cost.

        Every step copies the state a few times; half the time of a replay went into the original.
        """
        copy = object.__new__(value.__class__)
        fields = copy.__dict__
        fields.update(value.__dict__)
        known = len(fields)
        fields.update(changes)
        if len(fields) != known:
            raise TypeError(f"{value.__class__.__name__} has no field {[*fields][known]!r}")
        return copy
