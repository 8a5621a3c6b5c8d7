"""Settings from files and the environment: who wins, and what is said of what cannot be."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bursar.settings import Settings

from .support import refused

pytestmark = pytest.mark.usefixtures("folder")


def test_without_anything_the_defaults_hold() -> None:
    assert Settings.load() == Settings()


def test_arguments_win_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bursar.toml").write_text(
        '[limits]\nmax_models_loaded = 5\nmemory = "5 GB"\nlease_max = "5m"\nload_cooldown = "5s"\n'
        '[model_sizes]\na = "1 GB"\nb = "1 GB"\n'
    )
    monkeypatch.setenv("BURSAR_LIMITS__MAX_MODELS_LOADED", "6")
    monkeypatch.setenv("BURSAR_LIMITS__MEMORY", "6 GB")
    monkeypatch.setenv("BURSAR_LIMITS__LEASE_MAX", "6m")
    monkeypatch.setenv("BURSAR_MODEL_SIZES", '{"b": "2 GB"}')
    settings = Settings.load(limits={"max_models_loaded": 7, "memory": "7 GB"}, pins=["a"])
    assert settings == Settings(
        limits={"max_models_loaded": 7, "memory": "7 GB", "lease_max": "6m", "load_cooldown": "5s"},
        model_sizes={"a": "1 GB", "b": "2 GB"},
        pins=["a"],
    )


def test_a_later_layer_may_use_the_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bursar.toml").write_text('[limits]\ninactivity_timeout = "5m"\n')
    monkeypatch.setenv("BURSAR_LIMITS__INACTIVITY_TIMEOUT_S", "60")
    assert Settings.load().limits.inactivity_timeout == 60
    assert Settings.load(limits={"inactivity_timeout": "none"}).limits.inactivity_timeout is None


def test_a_named_file_is_read_instead_of_that_in_the_working_directory(folder: Path) -> None:
    Path("bursar.toml").write_text("nonsense")
    other = folder / "other.toml"
    other.write_text('\ufeffpins = ["a"]\n', encoding="utf-8")
    assert Settings.load(other) == Settings.load(str(other)) == Settings(pins=["a"])


def test_each_layer_is_checked_even_where_a_later_one_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bursar.toml").write_text('[limits]\nmemory = "lots"\n')
    monkeypatch.setenv("BURSAR_LIMITS__MEMORY", "14 GB")
    assert refused().startswith("limits.memory: is not a size (given: 'lots' in bursar.toml). Write a size")


# --- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[limits]\nmax_modelz = 3\n",
            "limits.max_modelz: is not a setting (given: 3 in bursar.toml). Did you",
        ),
        (
            "[limits]\nmemory_threshold = nan\n",
            "limits.memory_threshold: is not a finite number (given: nan in",
        ),
        ("[limits]\nmemory = inf\n", "limits.memory: is not a finite number (given: inf in bursar.toml)"),
        ("pins = 1979-05-27\n", "pins: is not a list (given: datetime.date(1979, 5, 27) in bursar.toml)"),
        ("_cli_parse_args = true\n", "_cli_parse_args: is not a setting (given: True in bursar.toml)"),
        (
            "[limits]\n\nmemory = 14 GB\n",
            (
                "bursar.toml, line 3: is not TOML: expected newline or end of document after a statement"
                ' (given: memory = 14 GB). Text goes in quotes: memory = "14 GB".'
            ),
        ),
        ("[limits\n", "bursar.toml, line 1: is not TOML: expected ']' at the end of a table declaration"),
        ("limits: {}\n", "bursar.toml, line 1: is not TOML"),
        ("a = 1\na = 2", "bursar.toml, line 2: is not TOML: cannot overwrite a value (given: a = 2)"),
        ('a = """x', "bursar.toml, line 1: is not TOML: unterminated string (given: a = "),
        (f"a = {'9' * 5000}", "bursar.toml: is not TOML (given: Exceeds the limit"),
        (
            "a = " + "[" * 100_000,
            "bursar.toml: is not TOML that can be read (given: tables nested without end)",
        ),
        (f"{'.'.join('a' * 32)} = 1", "a: is not a setting (given: {'a': {'a': {'a': "),
        (f"{'.'.join('a' * 100_000)} = 1", "bursar.toml: is not TOML (given: a name has more than 32 parts)"),
        (
            "[" + " . ".join(['"a"'] * 9_000) + "]",
            "bursar.toml: is not TOML (given: a name has more than 32 parts)",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(text: str, message: str) -> None:
    Path("bursar.toml").write_text(text)
    assert refused().startswith(message)


def test_a_file_may_be_anything(folder: Path) -> None:
    (folder / "directory").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "large").write_bytes(b"#" * 300_000)
    (folder / "latin").write_bytes(b"# fine\n# caf\xe9\n")
    (folder / "list.json").write_text("[]")
    expected = {
        "directory": "is not a file (given: a directory)",
        "pipe": "is not a file (given: a pipe)",
        "/dev/zero": "is not a file (given: a device)",
        "loop": f"cannot be read (given: {os.strerror(errno.ELOOP)})",
        "large": "is too large for settings (given: more than 256 KiB)",
        "latin": "is not text in UTF-8 (given: byte 0xe9 in line 2)",
        "list.json": "holds no table of settings (given: list)",
        "missing": "is not there (given: as the file of settings)",
        "latin/x": "cannot be read (given: Not a directory)",
    }
    remedy = "Settings are in a file of TOML, or of JSON as the documents have it."
    for name, problem in expected.items():
        assert refused(name) == f"{name}: {problem}. {remedy}"
    assert refused("a\0b").startswith(r"'a\x00b': cannot be a path (given: ")


def test_a_directory_in_the_place_of_the_file_is_not_passed_over() -> None:
    Path("bursar.toml").mkdir()
    assert refused().startswith("bursar.toml: is not a file (given: a directory)")


# --- the environment -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("LIMITS__MAX_MODELS_LOADED", "2", {"limits": {"max_models_loaded": 2}}),
        ("LIMITS__MEMORY", "14 GB", {"limits": {"memory": "14 GB"}}),
        ("LIMITS__MEMORY", "none", {}),
        ("LIMITS__MEMORY_THRESHOLD", "75%", {"limits": {"memory_threshold": 0.75}}),
        ("LIMITS__INACTIVITY_TIMEOUT", "5m", {"limits": {"inactivity_timeout": 300}}),
        ("LIMITS__INACTIVITY_TIMEOUT_S", "300", {"limits": {"inactivity_timeout": 300}}),
        ("LIMITS", '{"memory": "1 GB"}', {"limits": {"memory": "1 GB"}}),
        ("QUEUE__MAX_WAITING", "0", {"queue": {"max_waiting": 0}}),
        ("EVICTION__POLICY", "lfu", {"eviction": {"policy": "lfu"}}),
        ("SAMPLING__INTERVAL", "250ms", {"sampling": {"interval": 0.25}}),
        ("MODEL_SIZES", '{"Qwen:7b": "7 GB"}', {"model_sizes": {"Qwen:7b": 7_000_000_000}}),
        ("PRIORITIES", '{"a": -1}', {"priorities": {"a": -1}}),
        ("PINS", '["b", "a"]', {"pins": ["b", "a"]}),
        ("PROVIDERS__LLAMA__FOLDER", "/srv/models", {"providers": {"llama": {"folder": "/srv/models"}}}),
        ("CONTEXT__IDLE", "none", {"context": {"idle": None}}),
        ("CONTEXT__TOTAL", "2 GB", {"context": {"total": 2_000_000_000}}),
        ("CONTEXT__GLOBAL", "2 GB", {"context": {"total": 2_000_000_000}}),
        ("CONTEXT__PRESERVE__RECENT", "true", {"context": {"preserve": {"recent": True}}}),
        ("COMPRESSION__RATIO", "50%", {"compression": {"ratio": 0.5}}),
        ("PATTERNS__MAX_AGE", "7d", {"patterns": {"max_age": 604_800}}),
        ("AGENTS", '{"Front-End": {"limit": "1 MB"}}', {"agents": {"Front-End": {"limit": 1_000_000}}}),
        ("PROVIDERS__LLAMA__SLOTS", "4", {"providers": {"llama": {"slots": 4}}}),
        # Nothing of ours.
        ("JOURNAL", "journal.db", {}),
        ("LIMITS__MEMORY", "", {}),
        ("SERVICE_HOST", "10.0.0.7", {}),
        ("PORT_8080_TCP_ADDR", "10.0.0.7", {}),
    ],
)
def test_a_variable_sets_what_it_names(
    name: str, text: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BURSAR_{name}", text)
    assert Settings.load() == Settings(**expected)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "BURSAR_LIMITS__MAX_MODELZ",
            "3",
            (
                "limits.max_modelz: is not a setting (given: '3' from BURSAR_LIMITS__MAX_MODELZ)."
                " Did you mean BURSAR_LIMITS__MAX_MODELS_LOADED?"
            ),
        ),
        (
            "BURSAR_MAX_MODELS_LOADED",
            "3",
            (
                "max_models_loaded: is not a setting (given: '3' from BURSAR_MAX_MODELS_LOADED)."
                " Did you mean BURSAR_LIMITS__MAX_MODELS_LOADED?"
            ),
        ),
        (
            "BURSAR_LIMITS_MEMORY",
            "3",
            (
                "limits_memory: is not a setting (given: '3' from BURSAR_LIMITS_MEMORY)."
                " Did you mean BURSAR_LIMITS__MEMORY?"
            ),
        ),
        ("BURSAR_JOURNALS", "x", "journals: is not a setting (given: 'x' from BURSAR_JOURNALS). There are"),
        (
            "BURSAR_DEBUG",
            "1",
            "debug: is for what bursar cannot do yet: a debug log (given: '1' from BURSAR_DEBUG)",
        ),
        ("BURSAR_", "1", "\"\": is not a setting (given: '1' from BURSAR_)"),
        (
            "BURSAR_LIMITS__MEMORY__X",
            "1",
            "limits.memory.x: is not a setting (given: '1' from BURSAR_LIMITS__M",
        ),
        (
            "BURSAR_LIMITS__MEMORY",
            "lots",
            "limits.memory: is not a size (given: 'lots' from BURSAR_LIMITS__MEMORY)",
        ),
        (
            "BURSAR_LIMITS__MEMORY",
            "-1GB",
            "limits.memory: is negative (given: '-1GB' from BURSAR_LIMITS__MEMORY)",
        ),
        (
            "BURSAR_LIMITS__MEMORY",
            "NaN",
            "limits.memory: is not a size (given: 'NaN' from BURSAR_LIMITS__MEMORY)",
        ),
        (
            "BURSAR_LIMITS__MAX_MODELS_LOADED",
            "many",
            (
                "limits.max_models_loaded: is not a whole number"
                " (given: 'many' from BURSAR_LIMITS__MAX_MODELS_LOADED). Write a whole number from 1."
            ),
        ),
        ("BURSAR_LIMITS", "3", "limits: is not a table (given: 3 from BURSAR_LIMITS). Write a table."),
        ("BURSAR_LIMITS", '{"memory": -1}', "limits.memory: is negative (given: -1 from BURSAR_LIMITS)"),
        ("BURSAR_PINS", "a,b", "pins: is not a list (given: 'a,b' from BURSAR_PINS). Write a list of ids"),
        ("BURSAR_MODEL_SIZES", "[" * 100_000, "model_sizes: is not a table (given: '[[["),
        (
            "BURSAR_MODEL_SIZES__QWEN",
            "7 GB",
            (
                "model_sizes.qwen: cannot be set alone:"
                " names of variables do not tell small letters from capitals"
                " (given: '7 GB' from BURSAR_MODEL_SIZES__QWEN)."
                " Set the table: BURSAR_MODEL_SIZES='{\"qwen\": …}'."
            ),
        ),
        (
            "BURSAR_AGENTS__ANN__LIMIT",
            "1 MB",
            (
                "agents.ann.limit: cannot be set alone:"
                " names of variables do not tell small letters from capitals"
                " (given: '1 MB' from BURSAR_AGENTS__ANN__LIMIT)."
                " Set the table: BURSAR_AGENTS='{\"ann\": …}'."
            ),
        ),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(
    name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    assert refused().startswith(message)


# --- cost ----------------------------------------------------------------------------------------------


def test_nothing_is_imported_that_is_not_needed() -> None:
    """pydantic-settings and the parsers wait until there is something for them to read."""
    program = (
        "import sys; from bursar.settings import Settings; Settings.load().domain();"
        "print(*{'pydantic_settings', 'tomllib', 'difflib', 'asyncio', 'psutil'}.intersection(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"
