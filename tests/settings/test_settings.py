"""Settings given by a program: what holds, what is refused, and what the rules get."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bursar
from bursar.domain import settings as domain
from bursar.domain.errors import SettingsInvalid
from bursar.settings import Settings


def test_the_defaults_are_those_of_the_rules() -> None:
    assert Settings().domain() == domain.Settings()


def test_they_are_reached_from_the_front_door() -> None:
    settings = bursar.Settings(limits={"max_models_loaded": 2})
    assert settings.limits.max_models_loaded == 2
    assert settings.domain().limits == domain.Limits(max_models_loaded=2)


def test_every_setting_reaches_the_rules_in_their_units() -> None:
    settings = Settings(
        limits={
            "max_models_loaded": 4,
            "memory": "14 GB",
            "memory_threshold": "75%",
            "inactivity_timeout": "5m",
            "idle_price": "250ms",
            "overtake_budget": "90s",
            "lease_max": "1h30m",
            "load_cooldown": 0,
        },
        queue={"max_waiting": 10},
        eviction={"policy": "lru"},
        sampling={"interval": 0.5, "dead_band": 0.05},
        model_sizes={"qwen2.5-coder": "7 GB"},
        priorities={"qwen2.5-coder": -3},
        pins=["qwen2.5-coder"],
        preload=["b", "a"],
    )
    assert settings.domain() == domain.Settings(
        limits=domain.Limits(
            max_models_loaded=4,
            memory_bytes=14_000_000_000,
            memory_threshold_per_mille=750,
            inactivity_timeout_ms=300_000,
            idle_price_ms_per_gib_hour=250,
            overtake_budget_ms=90_000,
            lease_max_ms=5_400_000,
            load_cooldown_ms=0,
        ),
        queue=domain.Queue(max_waiting=10),
        eviction=domain.Eviction(policy="lru"),
        sampling=domain.Sampling(interval_ms=500, dead_band_per_mille=50),
        model_sizes={"qwen2.5-coder": 7_000_000_000},
        priorities={"qwen2.5-coder": -3},
        pins=("qwen2.5-coder",),
        preload=("b", "a"),
    )


def test_the_settings_of_a_provider_are_kept_for_whoever_starts_it() -> None:
    llama = Settings(providers={"llama": {"folder": "models", "orphan_grace": "1m"}}).providers.llama
    assert (llama.folder, llama.context_tokens, llama.slots) == (Path("models"), 2048, 2)
    assert llama.orphan_grace == 60


@pytest.mark.parametrize("name", ["inactivity_timeout", "inactivity_timeout_s"])
def test_the_documented_name_with_its_unit_is_another_name(name: str) -> None:
    assert Settings(limits={name: 300}).domain().limits.inactivity_timeout_ms == 300_000


@pytest.mark.parametrize(
    ("written", "path", "problem", "remedy"),
    [
        # Unknown names, and what may have been meant.
        ({"limits": {"max_modelz": 3}}, "limits.max_modelz", "is not a setting", "limits.max_models_loaded?"),
        ({"limitz": {}}, "limitz", "is not a setting", "Did you mean limits?"),
        ({"max_models_loaded": 3}, "max_models_loaded", "is not a setting", "limits.max_models_loaded?"),
        ({"queue": {"x": 1}}, "queue.x", "is not a setting", "There are max_waiting."),
        ({"zzz": 1}, "zzz", "is not a setting", "There are agents, breaker, compression,"),
        # What pydantic-settings would take for an order to itself.
        ({"_env_file": "x"}, "_env_file", "is not a setting", "There are"),
        ({"_cli_parse_args": True}, "_cli_parse_args", "is not a setting", "There are"),
        # The documents' features that are still to come.
        ({"memory_pressure": {}}, "memory_pressure", "is for what bursar cannot do yet: pressure", "Leave"),
        (
            {"memory": {"agent_memory_limit": 256}},
            "memory",
            "is for what bursar cannot do yet: a limit on its own memory",
            "Leave",
        ),
        # Those whose names are others here.
        ({"buffers": {"context": {}}}, "buffers", "is not a setting", "Did you mean context?"),
        (
            {"context": {"global_max_context": 1000}},
            "context.global_max_context",
            "is not a setting",
            "Did you mean context.total?",
        ),
        ({"context": {"on_truncation": "ignore"}}, "context.on_truncation", "is none of the choices", "warn"),
        # Wrong shapes.
        ({"limits": 3}, "limits", "is not a table", "Write a table."),
        ({"limits": None}, "limits", "is not a table", "Write a table."),
        ({"model_sizes": ["a"]}, "model_sizes", "is not a table", 'such as {"deepseek-r1:14b": …}'),
        ({"pins": "a"}, "pins", "is not a list", '["deepseek-r1:14b", "qwen2.5-coder"]'),
        ({"limits": {1: 2}}, "limits.1", "Keys should be strings", "text"),
        # Wrong values.
        ({"limits": {"memory": "14 XB"}}, "limits.memory", "has an unknown unit, XB", '"14 GiB"'),
        ({"limits": {"memory": -1}}, "limits.memory", "is negative", '"none"'),
        ({"limits": {"memory_threshold": 80}}, "limits.memory_threshold", "is too much", "0.8"),
        ({"limits": {"lease_max": 0}}, "limits.lease_max", "is less than a millisecond", '"1h30m"'),
        ({"eviction": {"policy": "lrux"}}, "eviction.policy", "is none of the choices", "'lru'"),
        (
            {"model_sizes": {"deepseek-r1:14b": 0}},
            'model_sizes."deepseek-r1:14b"',
            "is less than a byte",
            "Write a size",
        ),
        ({"model_sizes": {"a\nb": 1}}, 'model_sizes."a\\nb"', "is malformed", '"deepseek-r1:14b"'),
        ({"priorities": {"a": 1.5}}, "priorities.a", "is not a whole number", "any whole number"),
        ({"providers": {"llama": {"slots": 0}}}, "providers.llama.slots", "is less than 1", "from 1 to 256"),
        # Impossible together.
        (
            {"limits": {"inactivity_timeout": 1, "inactivity_timeout_s": 1}},
            "limits.inactivity_timeout_s",
            "is another name of a setting that is given, too",
            "Leave one of them out.",
        ),
        ({"pins": list("abcd")}, "pins", "are 4, and limits.max_models_loaded is 3", "Pin fewer"),
        (
            {"pins": ["a", "b"], "model_sizes": {"a": 2, "b": 2, "c": 9}, "limits": {"memory": 3}},
            "pins",
            "take 4 bytes together by model_sizes, and limits.memory is 3",
            "Pin fewer",
        ),
    ],
)
def test_a_refusal_says_where_what_and_what_else(
    written: dict[str, Any], path: str, problem: str, remedy: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Settings(**written)
    values = refused.value.values
    assert (values["path"], values["problem"]) == (path, problem)
    assert remedy in str(values["remedy"])
    assert refused.value.code == "SETTINGS_INVALID"
    assert refused.value.__cause__ is None


def test_a_refusal_is_one_line_whatever_was_given() -> None:
    for written in ("x" * 10_000, ["y"] * 10_000, 10**5000, "two\nlines"):
        with pytest.raises(SettingsInvalid) as refused:
            Settings(limits={"memory": written})
        message = str(refused.value)
        assert "\n" not in message
        assert len(message) < 300


def test_nothing_is_read_that_was_not_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_LIMITS__MAX_MODELS_LOADED", "7")
    (folder / "bursar.toml").write_text("[limits]\nmax_models_loaded = 8\n")
    assert Settings() == Settings(limits={"max_models_loaded": 3})


def test_a_change_leaves_the_rest_as_it_was() -> None:
    settings = Settings(
        limits={"memory": "14 GB", "inactivity_timeout": "5m"}, model_sizes={"a": 1}, pins=["a"]
    )
    changed = settings.changed(limits={"max_models_loaded": 2}, model_sizes={"b": "2 kB"}, pins=["b"])
    assert changed == Settings(
        limits={"memory": "14 GB", "inactivity_timeout": "5m", "max_models_loaded": 2},
        model_sizes={"a": 1, "b": 2000},
        pins=["b"],
    )
    assert settings.limits.max_models_loaded == 3


def test_a_limit_can_be_taken_away() -> None:
    settings = Settings(limits={"memory": "14 GB", "inactivity_timeout_s": 300})
    assert settings.changed(limits={"memory": None, "inactivity_timeout_s": "none"}) == Settings()


def test_a_change_is_refused_like_a_setting() -> None:
    with pytest.raises(SettingsInvalid, match=r"limits\.memory: is negative"):
        Settings().changed(limits={"memory": -1})
    with pytest.raises(SettingsInvalid, match="pins: are 2, and"):
        Settings(pins=["a", "b"]).changed(limits={"max_models_loaded": 1})


@given(
    memory=st.none() | st.integers(1, 2**53),
    timeout_ms=st.none() | st.integers(1, 10**11),
    threshold=st.integers(1, 1000),
    sizes=st.dictionaries(st.from_regex(r"[a-z0-9.:/-]{1,20}", fullmatch=True), st.integers(1, 2**53)),
)
def test_what_the_rules_get_is_what_was_set(
    memory: int | None, timeout_ms: int | None, threshold: int, sizes: dict[str, int]
) -> None:
    settings = Settings(
        limits={
            "memory": memory,
            "inactivity_timeout": None if timeout_ms is None else f"{timeout_ms}ms",
            "memory_threshold": threshold / 1000,
        },
        model_sizes={name: f"{size} B" for name, size in sizes.items()},
    )
    for told in (settings.domain(), settings.changed().domain()):
        assert told.limits.memory_bytes == memory
        assert told.limits.inactivity_timeout_ms == timeout_ms
        assert told.limits.memory_threshold_per_mille == threshold
        assert told.model_sizes == sizes
