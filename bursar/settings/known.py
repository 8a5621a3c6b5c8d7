"""Which settings there are, will be, and may have been meant."""

import re
from collections.abc import Collection, Iterator
from functools import cache

from pydantic import AliasChoices, BaseModel

from .origin import Key
from .sections import Sections

_PLANNED = {
    "pressure": ("memory_pressure", "optimization_threshold", "cleanup_interval"),
    "memory buffers": ("buffers", "max_memory_usage", "memory", "memory_config"),
    "compression of contexts": ("compression", "compression_config"),
    "contexts": ("context", "context_config"),
    "caches": ("cache", "cache_config"),
    "limits for one model": ("model_constraints.max_memory_per_model", "model_constraints.max_cpu_per_model"),
    "a limit on the processors": ("max_cpu_usage",),
    "budgets": ("budgets",),
    "rate limits": ("rate_limits",),
    "circuit breakers": ("breaker",),
    "alerts": ("alerts",),
    "tuning by itself": ("tuning", "auto_tuning"),
    "a debug log": ("debug",),
    "switches for whole features": (
        "environment",
        "project_id",
        "enable_shared_context",
        "enable_memory_management",
        "enable_advanced_caching",
        "enable_context_filtering",
        "enable_production_monitoring",
    ),
}
_FEATURES = {name: feature for feature, names in _PLANNED.items() for name in names}


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


@cache
def tables() -> frozenset[Key]:
    """Settings that are tables, whose keys are the user's."""
    return frozenset(
        (name,) for name, field in Sections.model_fields.items() if isinstance(field.default, dict)
    )


def nearest(key: Key, keys: Collection[Key]) -> Key | None:
    """What was probably meant: a setting beside it, one of that name elsewhere, or one with a like path."""
    from difflib import get_close_matches

    ordered = sorted(keys)
    beside = {other[-1]: other for other in ordered if other[:-1] == key[:-1]}
    elsewhere = {other[-1]: other for other in ordered}
    # A section that holds other settings was not meant by whoever is in it already.
    anywhere = {".".join(other): other for other in ordered if not beside or other != key[:-1]}
    for name, names in ((key[-1], beside), (key[-1], elsewhere), (".".join(key), anywhere)):
        found = get_close_matches(name, names, 1, 0.7)
        if found:
            return names[found[0]]
    return None


def _keys(section: type[BaseModel], above: Key) -> Iterator[Key]:
    for name, field in section.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [name]
        yield from ((*above, str(other)) for other in names)
        if isinstance(field.default, BaseModel):
            yield from _keys(type(field.default), (*above, name))
