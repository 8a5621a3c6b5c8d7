"""What docs/providers.md shows is run: settings, commands, the example."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

import pytest

import bursar
from bursar.settings import Settings
from bursar.testing.provider.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    ((?:bursar|python) .*)$", PAGE, flags=re.MULTILINE)
STAND_INS = [command for command in COMMANDS if "bursar.testing.provider" in command]


def _environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BURSAR_", "OLLAMA_"))}
    return {**kept, "BURSAR_PROVIDERS__DISCOVER": "false", **variables}


def _shell(command: str) -> list[str]:
    program = command.replace("bursar ", "-m bursar ", 1) if command.startswith("bursar") else command[7:]
    return ["/bin/sh", "-c", f"exec {sys.executable} {program}"]


@pytest.fixture(scope="module")
def stand_ins() -> Generator[dict[str, str], None, None]:
    """The stand-in of every command, each at some port: URL by what it is like."""
    with ExitStack() as stack:
        started = {command: _started(stack, command) for command in STAND_INS if "--like" in command}
        yield {_like(command): _url(process) for command, process in started.items()}


def _like(command: str) -> str:
    found = re.search(r"--like (\S+)", command)
    assert found is not None
    return found[1]


def _started(stack: ExitStack, command: str) -> subprocess.Popen[str]:
    quick = f"{command} --port 0 --load-seconds 0 --token-seconds 0"
    process = subprocess.Popen(_shell(quick), stdout=subprocess.PIPE, text=True, env=_environment())
    stack.enter_context(process)
    stack.callback(process.send_signal, signal.SIGINT)
    return process


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found: list[str] = re.findall(r"http://[\d.]+:\d+", process.stdout.readline())
    return found[0]


def test_the_page_shows_every_stand_in_and_every_provider(stand_ins: dict[str, str]) -> None:
    assert set(stand_ins) == set(KINDS)
    for name in ("ollama", "lmstudio", "llama", "llamacpp", "vllm", "openai"):
        assert f"`{name}:" in PAGE


def test_its_list_of_switches_is_shown() -> None:
    (command,) = [command for command in STAND_INS if "--list" in command]
    listed = subprocess.run(_shell(command), capture_output=True, text=True, check=True)
    assert "--like ollama" in listed.stdout


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("bursar")])
def test_the_doctor_finds_every_stand_in_well(
    command: str, stand_ins: dict[str, str], tmp_path: Path
) -> None:
    sections = {like: like for like in ("ollama", "lmstudio", "llamacpp", "vllm")}
    sections |= {"llamacpp-router": "openai.router", "openai": "openai.lab"}
    settings = [f'[providers.{section}]\nurl = "{stand_ins[like]}"\n' for like, section in sections.items()]
    (tmp_path / "bursar.toml").write_text("".join(settings))
    ran = subprocess.run(
        _shell(command), cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for section in sections.values():
        assert section.replace(".", ":") in ran.stdout


def test_its_settings_are_settings(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "bursar.toml").write_text(text)
    settings = Settings.load(tmp_path / "bursar.toml")
    assert settings.providers.ollama.timeouts.load == 1200
    assert settings.context.on_truncation == "warn"
    # Those of them that are said to be defaults are.
    assert tomllib.loads(text)["providers"]["discover"] is Settings().providers.discover


def test_its_example_runs_with_a_stand_in(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    # Its models are larger than this machine may have room for, and take nothing of it.
    environment = _environment(
        BURSAR_PROVIDERS__OLLAMA__URL=stand_ins["ollama"], BURSAR_MODEL_SIZES='{"ollama:qwen3:8b": 1}'
    )
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "cut to" not in done.stdout


def test_what_the_readme_shows_to_users_of_ollama_runs(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"With Ollama running.*?\n\n(.*?)\n\n", readme, flags=re.DOTALL)
    program = "".join(f"{line[4:]}\n" for line in shown.splitlines())
    environment = _environment(
        BURSAR_PROVIDERS__OLLAMA__URL=stand_ins["ollama"],
        BURSAR_MODEL_SIZES='{"ollama:qwen3:8b": 1}',
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    ran = subprocess.run(
        ["/bin/sh", "-e", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "All is well." in ran.stdout
    assert "ollama:qwen3:8b was unloaded" in ran.stdout


def test_its_variables_and_names_are_those_of_the_product() -> None:
    for variable in re.findall(r"BURSAR_[A-Z_]+[A-Z]", PAGE):
        assert variable.startswith("BURSAR_PROVIDERS__")
    assert "truncation" in {field.name for field in fields(bursar.Answer)}
