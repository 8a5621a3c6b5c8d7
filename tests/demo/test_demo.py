"""`bursar demo`, as a person would run it, only shorter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bursar.demo.workload import ANSWER_TOKENS_MAX, PROMPT_TOKENS_MAX, from_trace, mixed
from bursar.domain.errors import SettingsInvalid

MODELS = ["llama:a", "llama:b", "llama:c"]
FOUR = [*MODELS, "llama:d"]

TRACE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2224670,99999,99999
"""


def _demo(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bursar", "demo", "--folder", str(folder / "demo"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_ends_with_one_json_object_that_proves_itself(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--requests", "12", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["requests"] == told["completed"] == 12
    assert told["failed"] == 0
    assert told["loads"] > told["evictions"] >= 1
    assert told["load_seconds"] > 0
    assert told["replay_equal"] is True
    assert told["verify"] == {"divergences": 0, "tree": "ok"}
    assert Path(told["journal"]).is_file()


def test_the_demo_tells_its_story_and_what_to_try_next(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text(TRACE)
    done = _demo(tmp_path, "--trace", str(tmp_path / "trace.csv"), "--speed", "1000")
    assert done.returncode == 0, done.stderr
    assert "3 of 3 requests answered" in done.stdout
    assert "equal to the live state" in done.stdout
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  bursar ")]
    assert len(commands) == 3
    for command in commands:
        again = subprocess.run(
            [sys.executable, "-m", *command.split()], capture_output=True, text=True, check=False
        )
        assert again.returncode == 0, again.stderr
        assert again.stdout


def test_a_trace_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--trace", str(tmp_path / "none.csv"))
    assert done.returncode == 2
    assert "none.csv" in done.stderr


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[limits]\nmemory = -5\n", "limits.memory"),
        ("[limits]\nmemory_threshold = nan\n", "limits.memory_threshold"),
        ("[limits]\nmemmory = 5\n", "limits.memmory"),
        ("[evict]\npolicy = 'lru'\n", "evict"),
    ],
)
def test_wrong_settings_are_named_by_their_path(text: str, path: str, tmp_path: Path) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text(text)
    done = _demo(tmp_path, "--config", str(config))
    assert done.returncode == 2
    assert f"{path}: " in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_mixed_workload_is_drawn_from_its_seed() -> None:
    assert mixed(FOUR, 20, seed=1) == mixed(FOUR, 20, seed=1)
    assert mixed(FOUR, 20, seed=1) != mixed(FOUR, 20, seed=2)
    assert len(mixed(FOUR, 20, seed=1)) == 20


def test_a_trace_gives_times_and_lengths_within_the_window(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    first, second, third = from_trace(path, MODELS, 10, seed=1, speed=2)
    assert first.at_s == 0
    assert second.at_s == pytest.approx((50.995169 - 46.680590) / 2)
    assert (first.prompt_tokens, first.answer_tokens) == (374, 44)
    assert (third.prompt_tokens, third.answer_tokens) == (PROMPT_TOKENS_MAX, ANSWER_TOKENS_MAX)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no column TIMESTAMP"),
        ("a,b\n1,2\n", "no column TIMESTAMP"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "no requests"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n", "line 2"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,many,2\n", "line 2"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46\n", "line 2"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_line(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(SettingsInvalid, match=problem):
        from_trace(path, MODELS, 10, seed=1, speed=1)
