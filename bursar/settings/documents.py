"""The JSON of the users' documents: camelCase names, sizes in MB, times in ms."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, cast

from .origin import File, Key, Origin
from .refusal import invalid, unknown


def _as_it_is(value: Any) -> Any:
    return value


def _in(unit: str) -> Callable[[Any], Any]:
    """A plain number gets the documents' unit; text has one."""

    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return f"{Decimal(str(value)):f} {unit}"

    return read


def _each_in(unit: str) -> Callable[[Any], Any]:
    number = _in(unit)

    def read(table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        return {name: number(value) for name, value in cast("dict[str, Any]", table).items()}

    return read


#: The documents' settings that bursar has: their name, ours, and how the value is read.
_TRANSLATION: dict[Key, tuple[Key, Callable[[Any], Any]]] = {
    ("limits", "maxModelsLoaded"): (("limits", "max_models_loaded"), _as_it_is),
    ("limits", "memoryThreshold"): (("limits", "memory_threshold"), _as_it_is),
    ("limits", "inactivityTimeout"): (("limits", "inactivity_timeout"), _in("ms")),
    ("modelSizes",): (("model_sizes",), _each_in("MB")),
    ("modelConstraints", "maxSimultaneousModels"): (("limits", "max_models_loaded"), _as_it_is),
    ("unloadStrategy",): (("eviction", "policy"), _as_it_is),
}
_SECTIONS = {key[:-1] for key in _TRANSLATION}
_KEYS = {*_TRANSLATION, *_SECTIONS} - {()}


def translated(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Origin]:
    """The document's settings under our names. Raises `SettingsInvalid` for what bursar does not have."""
    values: dict[str, Any] = {}
    names: dict[Key, Key] = {}
    for key, value in _leaves(document, (), File(name)):
        ours, read = _TRANSLATION[key]
        if ours in names:
            problem = f"sets the same as {'.'.join(names[ours])}"
            raise invalid(key, problem, value, "Leave one of them out.", File(name))
        names[ours] = key
        section = values
        for part in ours[:-1]:
            section = section.setdefault(part, {})
        section[ours[-1]] = read(value)
    return values, File(name, names)


def _leaves(table: Mapping[str, Any], above: Key, origin: Origin) -> list[tuple[Key, Any]]:
    found: list[tuple[Key, Any]] = []
    for name, value in table.items():
        key = (*above, name)
        if key in _TRANSLATION:
            found.append((key, value))
        elif key not in _SECTIONS:
            raise unknown(key, value, origin, _KEYS)
        elif not isinstance(value, dict):
            raise invalid(key, "is not a table", value, "Write a table.", origin)
        else:
            found.extend(_leaves(cast("dict[str, Any]", value), key, origin))
    return found
