"""Which settings there are, will be, and may have been meant; `*` stands for a name that the user gives."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel

from .origin import Key
from .sections import Sections

_PLANNED = {
    "pressure": ("memory_pressure", "optimization_threshold", "cleanup_interval"),
    "a limit on its own memory": (
        "max_memory_usage",
        "memory",
        "memory.max_memory_usage",
        "memory.gc_interval",
        "memory_config",
        "buffers.working",
    ),
    "buffers that are reserved ahead": ("buffers.context.initial",),
    "compression that begins with the pressure": ("compression_config.adaptive_threshold",),
    "levels of priority": ("context_reclamation.priority_levels",),
    "caches": ("cache", "cache_config"),
    "limits for one model": ("model_constraints.max_memory_per_model", "model_constraints.max_cpu_per_model"),
    "a limit on the processors": ("max_cpu_usage",),
    "budgets": ("budgets",),
    "rate limits": ("rate_limits",),
    "alerts": ("alerts", "memory.alert_threshold"),
    "tuning by itself": ("tuning", "auto_tuning"),
    "a debug log": ("debug",),
    "switches for whole features": (
        "environment",
        "project_id",
        "enable_shared_context",
        "enable_advanced_caching",
        "enable_production_monitoring",
    ),
}
_FEATURES = {name: feature for feature, names in _PLANNED.items() for name in names}
#: The documents' settings whose names here are not like theirs.
_RENAMED: dict[str, Key] = {
    "buffers": ("context",),
    "context_config": ("context",),
    "context_reclamation": ("context",),
    "compression_config": ("compression",),
    "pattern_reclamation_strategy": ("patterns",),
    "context.max_context_per_agent": ("context", "per_agent"),
    "context.global_max_context": ("context", "total"),
    "context.context_importance_threshold": ("context", "importance_threshold"),
    "context.compression_threshold": ("context", "compress_at"),
    "context.max_context_age": ("context", "max_age"),
}


def planned(key: Key) -> str | None:
    """What a setting is for that the documents have and bursar does not have yet, in either spelling."""
    return _FEATURES.get(".".join(map(snake, key)))


def snake(name: str) -> str:
    """`maxModelsLoaded` as we write it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@cache
def known() -> frozenset[Key]:
    """Every section and setting, by all its names; not what users put into tables."""
    return frozenset(_keys(Sections, ()))


def general(key: Key) -> Key:
    """The key with `*` for the names of the user's sections: `providers.openai.*.url`."""
    above = next((above for above in _named() if key[: len(above)] == above and len(key) > len(above)), None)
    return key if above is None else (*above, "*", *key[len(above) + 1 :])


@cache
def _named() -> tuple[Key, ...]:
    """Tables of sections."""
    return tuple(key[:-1] for key in sorted(known()) if key[-1] == "*")


@cache
def tables() -> frozenset[Key]:
    """Settings that are tables, whose keys are the user's."""
    plain = {(name,) for name, field in Sections.model_fields.items() if isinstance(field.default, dict)}
    return frozenset(plain.difference(_named()))


def nearest(key: Key, keys: Collection[Key]) -> Key | None:
    """What was probably meant: one beside it, the one of that name elsewhere, or one with a like path."""
    renamed = _RENAMED.get(".".join(map(snake, key)))
    if renamed in keys:
        return renamed
    meant = _nearest(general(key), keys)
    if meant is None or "*" not in meant:
        return meant
    # The name that was given there, or in the documentation's manner where none was.
    at = meant.index("*")
    return (*meant[:at], key[at] if key[:at] == meant[:at] else "<name>", *meant[at + 1 :])


def _nearest(key: Key, keys: Collection[Key]) -> Key | None:
    from difflib import get_close_matches

    ordered = sorted(keys)
    beside = {other[-1]: other for other in ordered if other[:-1] == key[:-1]}
    names = Counter(other[-1] for other in ordered)
    elsewhere = {other[-1]: other for other in ordered if names[other[-1]] == 1}
    # A section that holds other settings was not meant by whoever is in it already.
    anywhere = {".".join(other): other for other in ordered if not beside or other != key[:-1]}
    for name, likely in ((key[-1], beside), (key[-1], elsewhere), (".".join(key), anywhere)):
        found = get_close_matches(name, likely, 1, 0.7)
        if found:
            return likely[found[0]]
    return None


def _keys(section: type[BaseModel], above: Key) -> Iterator[Key]:
    for name, field in section.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [name]
        yield from ((*above, str(other)) for other in names)
        if isinstance(field.default, BaseModel):
            yield from _keys(type(field.default), (*above, name))
        elif isinstance(field.default, dict) and (inner := _section_in(field.annotation)):
            yield (*above, name, "*")
            yield from _keys(inner, (*above, name, "*"))


def _section_in(table: Any) -> type[BaseModel] | None:
    """What a table holds, if that is sections."""
    held = get_args(table)[1]
    return held if isinstance(held, type) and issubclass(held, BaseModel) else None
