"""The JSON of the users' documents: camelCase names, sizes in MB, times in ms."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, cast

from .origin import File, Key, Origin
from .quantities import Refused, switch
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
    ("buffers", "context", "max"): (("context", "total"), _in("MB")),
    ("buffers", "context", "compressionThreshold"): (("context", "compress_at"), _as_it_is),
    ("memory", "agentMemoryLimit"): (("context", "per_agent"), _in("MB")),
    ("contextConfig", "maxContextPerAgent"): (("context", "per_agent"), _in("MB")),
    ("contextConfig", "globalMaxContext"): (("context", "total"), _in("MB")),
    ("contextConfig", "contextImportanceThreshold"): (("context", "importance_threshold"), _as_it_is),
    ("compressionConfig", "minRatio"): (("compression", "ratio"), _as_it_is),
    ("contextReclamation", "maxContextAge"): (("context", "max_age"), _in("ms")),
    ("contextReclamation", "preserveRules", "activeContexts"): (("context", "preserve", "active"), _as_it_is),
    ("contextReclamation", "preserveRules", "recentHistory"): (("context", "preserve", "recent"), _as_it_is),
    ("contextReclamation", "preserveRules", "importantPatterns"): (
        ("patterns", "preserve_important"),
        _as_it_is,
    ),
    ("patternReclamationStrategy", "priority"): (("patterns", "priority"), _as_it_is),
    ("patternReclamationStrategy", "thresholds", "maxSize"): (("patterns", "max_size"), _in("MB")),
    ("patternReclamationStrategy", "thresholds", "maxAge"): (("patterns", "max_age"), _in("ms")),
    ("patternReclamationStrategy", "thresholds", "minUsage"): (("patterns", "min_usage"), _as_it_is),
}
#: Switches of what bursar always does.
_ALWAYS: frozenset[Key] = frozenset(
    {
        ("enableMemoryManagement",),
        ("enableContextFiltering",),
        ("contextConfig", "adaptiveReduction"),
    }
)
_SECTIONS = {key[:length] for key in (*_TRANSLATION, *_ALWAYS) for length in range(1, len(key))}
_KEYS = {*_TRANSLATION, *_ALWAYS, *_SECTIONS}
#: Sections that the documents show as types, whose names begin with a capital.
_TYPES = {name[0].upper() + name[1:]: name for name in ("contextReclamation", "patternReclamationStrategy")}


def translated(document: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Origin]:
    """The document's settings under our names. Raises `SettingsInvalid` for what bursar does not have."""
    values: dict[str, Any] = {}
    names: dict[Key, Key] = {}
    for written, value in _leaves(document, (), File(name)):
        key = _plain(written)
        if key in _ALWAYS:
            _require_on(written, value, File(name))
            continue
        ours, read = _TRANSLATION[key]
        if ours in names:
            problem = f"sets the same as {'.'.join(names[ours])}"
            raise invalid(written, problem, value, "Leave one of them out.", File(name))
        names[ours] = written
        section = values
        for part in ours[:-1]:
            section = section.setdefault(part, {})
        section[ours[-1]] = read(value)
    return values, File(name, names)


def _leaves(table: Mapping[str, Any], above: Key, origin: Origin) -> list[tuple[Key, Any]]:
    found: list[tuple[Key, Any]] = []
    for name, value in table.items():
        key = (*above, name)
        if _plain(key) in _TRANSLATION or _plain(key) in _ALWAYS:
            found.append((key, value))
        elif _plain(key) not in _SECTIONS:
            raise unknown(key, value, origin, _KEYS)
        elif not isinstance(value, dict):
            raise invalid(key, "is not a table", value, "Write a table.", origin)
        else:
            found.extend(_leaves(cast("dict[str, Any]", value), key, origin))
    return found


def _plain(key: Key) -> Key:
    return (_TYPES.get(key[0], key[0]), *key[1:])


def _require_on(key: Key, value: object, origin: Origin) -> None:
    try:
        on = switch(value)
    except Refused as refused:
        raise invalid(key, refused.problem, value, f"Write {refused.allowed}.", origin) from None
    if not on:
        raise invalid(key, "cannot be switched off", value, "Leave it out.", origin)
