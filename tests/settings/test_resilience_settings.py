"""How users say when a provider is left alone, asked again, or answered for."""

from typing import Any

import pytest

from bursar.domain import settings as domain
from bursar.domain.errors import SettingsInvalid
from bursar.domain.resilience.settings import (
    BreakerSettings,
    ConcurrencySettings,
    Procedure,
    Ramp,
    RetrySettings,
)
from bursar.settings import Settings


def test_the_defaults_are_those_of_the_rules() -> None:
    ours, defaults = Settings().domain(), domain.Settings()
    for name in ("breaker", "retry", "concurrency", "recovery", "fallbacks"):
        assert getattr(ours, name) == getattr(defaults, name)


def test_every_setting_reaches_the_rules_in_their_units() -> None:
    settings = Settings(
        breaker={
            "mode": "shadow",
            "failure_rate_threshold": "40%",
            "slow_call_rate_threshold": 0.9,
            "slow_call_duration_threshold": "p95 * 2.5",
            "sliding_window_type": "time",
            "sliding_window_size": 60,
            "minimum_number_of_calls": 5,
            "wait_duration_in_open_state": "30s",
            "wait_duration_multiplier": 1.5,
            "wait_duration_max": "5m",
            "permitted_calls_in_half_open": 2,
            "max_wait_in_half_open": "10s",
            "record": ["PROVIDER_TIMEOUT"],
            "ignore": ["MODEL_LOST", "MODEL_LOST"],
            "ramp": {"window": "1m", "aggression": 2, "min_percent": 25},
        },
        retry={
            "max_attempts": 2,
            "wait": "250ms",
            "wait_multiplier": "3",
            "randomization_percent": 0,
            "wait_max": 5,
            "budget_percent": 10,
            "budget_min": 0,
            "codes": ["PROVIDER_BUSY"],
        },
        concurrency={"mode": "off", "backoff_ratio": 0.5},
        recovery={
            "cleanup": {"threshold": "none"},
            "restart": {"threshold": 9, "cooldown": "10m"},
            "scale_down": {"threshold": 4},
        },
        fallbacks={"ollama:big": "llama:small"},
    )
    told = settings.domain()
    assert told.breaker == BreakerSettings(
        mode="shadow",
        failure_rate_threshold_per_mille=400,
        slow_call_rate_threshold_per_mille=900,
        slow_call_factor_per_mille=2500,
        sliding_window_type="time",
        sliding_window_size=60,
        minimum_number_of_calls=5,
        wait_duration_in_open_state_ms=30_000,
        wait_duration_multiplier_per_mille=1500,
        wait_duration_max_ms=300_000,
        permitted_calls_in_half_open=2,
        max_wait_in_half_open_ms=10_000,
        record=("PROVIDER_TIMEOUT",),
        ignore=("MODEL_LOST",),
        ramp=Ramp(window_ms=60_000, aggression=2, min_per_mille=250),
    )
    assert told.retry == RetrySettings(
        max_attempts=2,
        wait_ms=250,
        wait_multiplier_per_mille=3000,
        randomization_per_mille=0,
        wait_max_ms=5_000,
        budget_per_mille=100,
        budget_min=0,
        codes=("PROVIDER_BUSY",),
    )
    assert told.concurrency == ConcurrencySettings(mode="off", backoff_ratio_per_mille=500)
    assert told.recovery == (
        Procedure(action="scale-down", threshold=4, cooldown_ms=60_000),
        Procedure(action="restart", threshold=9, cooldown_ms=600_000),
    )
    assert told.fallbacks == {"ollama:big": "llama:small"}


def test_a_fixed_time_may_be_what_is_slow() -> None:
    settings = Settings(breaker={"slow_call_duration_threshold": "1m30s"})
    assert settings.domain().breaker.slow_call_duration_threshold_ms == 90_000


@pytest.mark.parametrize(
    ("written", "path", "problem"),
    [
        (
            {"breaker": {"slow_call_duration_threshold": "p99*3"}},
            "slow_call_duration_threshold",
            "is not a time",
        ),
        ({"breaker": {"slow_call_duration_threshold": "p95*0"}}, "slow_call", "is not between 1 and 100"),
        ({"breaker": {"wait_duration_multiplier": 0.5}}, "multiplier", "is not between 1 and 100"),
        ({"breaker": {"wait_duration_multiplier": "twice"}}, "multiplier", "is not a number"),
        ({"breaker": {"record": "PROVIDER_BUSY"}}, "breaker.record", "is not a list"),
        ({"breaker": {"record": ["TEAPOT"]}}, "breaker.record", "holds 'TEAPOT', which is no code"),
        ({"breaker": {"ramp": {"aggression": 11}}}, "breaker.ramp.aggression", "is more than 10"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts", "is less than 1"),
        ({"recovery": {"reboot": {}}}, "recovery.reboot", "is not a setting"),
    ],
)
def test_what_cannot_be_is_refused(written: dict[str, Any], path: str, problem: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Settings(**written)
    assert path in str(refused.value.values["path"])
    assert problem in str(refused.value.values["problem"])


def test_they_can_be_changed_one_at_a_time() -> None:
    settings = Settings(breaker={"mode": "shadow"}).changed(breaker={"sliding_window_size": 20})
    assert (settings.breaker.mode, settings.breaker.sliding_window_size) == ("shadow", 20)
