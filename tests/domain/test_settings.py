"""Limits are integers that make sense; anything else is refused where it is made."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from bursar.domain.settings import Eviction, Limits, Queue, Sampling, Settings


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (Limits, {"max_models_loaded": 0}),
        (Limits, {"max_models_loaded": -1}),
        (Limits, {"max_models_loaded": 2.0}),
        (Limits, {"max_models_loaded": "2"}),
        (Limits, {"max_models_loaded": True}),
        (Limits, {"memory_bytes": 0}),
        (Limits, {"memory_bytes": math.nan}),
        (Limits, {"memory_bytes": math.inf}),
        (Limits, {"memory_bytes": 2**53 + 1}),
        (Limits, {"memory_threshold_per_mille": 0}),
        (Limits, {"memory_threshold_per_mille": 1001}),
        (Limits, {"inactivity_timeout_ms": 0}),
        (Limits, {"idle_price_ms_per_gib_hour": -1}),
        (Limits, {"overtake_budget_ms": -1}),
        (Limits, {"lease_max_ms": 0}),
        (Limits, {"load_cooldown_ms": -1}),
        (Limits, {"max_model_loaded": 2}),  # no such setting
        (Queue, {"max_waiting": -1}),
        (Eviction, {"policy": "random"}),
        (Sampling, {"interval_ms": 0}),
        (Sampling, {"dead_band_per_mille": 0}),
        (Settings, {"model_sizes": {"a": 0}}),
        (Settings, {"priorities": {"a": 1.5}}),
        (Settings, {"pins": "a"}),
        (Settings, {"speed": "high"}),
    ],
)
def test_what_makes_no_sense_is_refused(section: type[Settings], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section(**values)


def test_settings_do_not_change_once_they_are_made() -> None:
    with pytest.raises(ValidationError):
        Settings().__setattr__("limits", Limits())


def test_settings_survive_being_written_down() -> None:
    settings = Settings(
        limits=Limits(memory_bytes=1), pins=("a",), preload=("b",), model_sizes={"c": 3}, priorities={"d": -1}
    )
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
