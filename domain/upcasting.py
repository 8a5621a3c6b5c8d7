"""Events of earlier versions, brought to the form that is known today whenever they are read.

The journal is not rewritten: a row stays as it was recorded, and what it says is told anew each time. A
type's version goes up only for a change that its old rows do not bear: a field renamed, taken away, or in
another unit. A new field with a default needs no version.

Imports next to nothing: a row's data can be upcast without knowing its type.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

#: The fields of an event as JSON has them.
Data: TypeAlias = dict[str, Any]

#: Makes of the data of one version that of the next. Pure; it may change the dict that it is given.
Upcaster: TypeAlias = Callable[[Data], Data]

#: Name and version of a type of event.
Key: TypeAlias = tuple[str, int]

#: By the version they start from. Every version of a type but its current one has an upcaster, for ever.
UPCASTERS: Mapping[Key, Upcaster] = {}


class UpcastFailed(ValueError):
    """Data of an earlier version is not what that version wrote."""


def upcast(name: str, version: int, data: Data, upcasters: Mapping[Key, Upcaster] = UPCASTERS) -> Data:
    """The data as the current version of its type has it. Raises `UpcastFailed`."""
    while (one := upcasters.get((name, version))) is not None:
        try:
            data = one(data)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            problem = f"{name} version {version} cannot be read as version {version + 1}"
            raise UpcastFailed(f"{problem}: {type(error).__name__}: {error}") from error
        version += 1
    return data


def check(current: Mapping[str, int], upcasters: Mapping[Key, Upcaster]) -> None:
    """See to it that every earlier version of the types in `current` has an upcaster, and nothing else has.

    Raises ValueError.
    """
    earlier = {(name, version) for name, newest in current.items() for version in range(1, newest)}
    for name, version in sorted(earlier - upcasters.keys()):
        raise ValueError(f"{name} is at version {current[name]} and has no upcaster from version {version}")
    for name, version in sorted(upcasters.keys() - earlier):
        raise ValueError(f"{name} has an upcaster from version {version}, which is no earlier version of it")
