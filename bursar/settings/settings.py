"""What users set, and how it reaches the rules."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

from pydantic import ValidationError

from ..domain import settings as domain
from . import contexts, resilience
from .files import DEFAULT, missing, read_file
from .origin import Origin
from .refusal import checked, refusal
from .sections import Sections
from .together import refuse_impossible
from .variables import variables


class Settings(Sections):
    """Limits, policies and providers; `Settings()` has the defaults, `Settings.load()` what the user set.

    Sizes are given as `"14 GB"`, `"14 GiB"` or bytes, times as `"5m"` or seconds, sections as dicts:
    `Settings(limits={"memory": "14 GB", "inactivity_timeout": "5m"})`. Raises `SettingsInvalid`.
    """

    def __init__(self, /, **values: Any) -> None:
        """Take these values and the defaults for all others; neither files nor the environment are read."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise refusal(error, Origin()) from None
        refuse_impossible(self)

    @classmethod
    def load(cls, config: str | os.PathLike[str] | None = None, **arguments: Any) -> Self:
        """Defaults, then `bursar.toml` if it is there (or `config`), then `BURSAR_…`, then the arguments."""
        layers = _read_config(config), _read_environment(), checked(arguments, Origin())
        return cls(**_merged(*layers))

    def changed(self, /, **changes: Any) -> Self:
        """These settings with some of them changed: `changed(limits={"max_models_loaded": 2})`."""
        return type(self)(**_merged(self.model_dump(), checked(changes, Origin())))

    def domain(self) -> domain.Settings:
        """What the rules are told: bytes, milliseconds and per-mille, in integers."""
        limits, sampling = self.limits, self.sampling
        timeout = limits.inactivity_timeout
        return domain.Settings(
            limits=domain.Limits(
                max_models_loaded=limits.max_models_loaded,
                memory_bytes=limits.memory,
                memory_threshold_per_mille=_thousandths(limits.memory_threshold),
                inactivity_timeout_ms=None if timeout is None else _thousandths(timeout),
                idle_price_ms_per_gib_hour=_thousandths(limits.idle_price),
                overtake_budget_ms=_thousandths(limits.overtake_budget),
                lease_max_ms=_thousandths(limits.lease_max),
                load_cooldown_ms=_thousandths(limits.load_cooldown),
            ),
            queue=domain.Queue(max_waiting=self.queue.max_waiting),
            eviction=domain.Eviction(policy=self.eviction.policy),
            sampling=domain.Sampling(
                interval_ms=_thousandths(sampling.interval),
                dead_band_per_mille=_thousandths(sampling.dead_band),
            ),
            reconcile=domain.Reconcile(interval_ms=_thousandths(self.reconcile.interval)),
            model_sizes=dict(self.model_sizes),
            priorities=dict(self.priorities),
            pins=self.pins,
            preload=self.preload,
            breaker=resilience.breaker(self.breaker),
            retry=resilience.retry(self.retry),
            concurrency=resilience.concurrency(self.concurrency),
            recovery=resilience.recovery(self.recovery),
            context=contexts.context(self.context),
            compression=contexts.compression(self.compression),
            patterns=contexts.patterns(self.patterns),
            agents=contexts.agents(self.agents),
            fallbacks=dict(self.fallbacks),
        )


def _read_config(config: str | os.PathLike[str] | None) -> dict[str, Any]:
    path = DEFAULT if config is None else Path(config)
    try:
        return checked(*read_file(path))
    except FileNotFoundError:
        if config is None:
            return {}
        raise missing(path) from None


def _read_environment() -> dict[str, Any]:
    found = variables()
    if not found:
        return {}
    # Takes as long to import as the rest of settings, and most users set no variables.
    from .environment import read_environment

    return read_environment(found)


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The later wins; tables and sections are merged, lists replaced."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(merged.get(name), dict) and isinstance(value, dict)
            merged[name] = _merged(merged[name], cast("dict[str, Any]", value)) if both else value
    return merged


def _thousandths(value: float) -> int:
    """Exact: every value was rounded to thousandths when it was read."""
    return round(value * 1000)
