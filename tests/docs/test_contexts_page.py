"""What docs/contexts.md shows is run: the example, then its commands on the journal that it leaves."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bursar.contexts.handle import OpensContexts
from bursar.domain.contexts.settings import Specialisation
from bursar.domain.contexts.values import Genre
from bursar.patterns.methods import PatternMethods
from bursar.settings import Settings

from .standing import environment, ollama

PAGE = (Path(__file__).parents[2] / "docs" / "contexts.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (bursar .*)$", PAGE, flags=re.MULTILINE)


def _ran(command: list[str], folder: Path, variables: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the example printed, and each command after it."""
    folder = tmp_path_factory.mktemp("page")
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    with ollama() as url:
        variables = {**environment(url), "BURSAR_JOURNAL": "journal.db"}
        printed = {"example": _ran([sys.executable, "-c", example], folder, variables)}
    for command in COMMANDS:
        program = [sys.executable, "-m", *shlex.split(command)]
        printed[command] = _ran(program, folder, variables)
    return printed


def test_the_example_sends_what_the_query_asks_for(told: dict[str, str]) -> None:
    first, *sent = told["example"].splitlines()
    assert first.endswith("of 500")
    assert sent[0] == "system 'You plan journeys. Be brief.'"
    assert 3 < len(sent) < 20
    assert any(line.startswith("user '[Excerpts") for line in sent)


def test_the_commands_show_what_became_of_the_messages(told: dict[str, str]) -> None:
    assert "active" in told["bursar context list"]
    assert "in summary" in told["bursar context show trip --left-out"]
    assert "came" in told["bursar context diff trip 40"]
    assert "tokens" in told["bursar why context/trip"]
    assert "→" in told["bursar context restore trip --to 40"]
    assert len(COMMANDS) == 7


def test_its_settings_are_settings_and_those_said_to_be_defaults_are(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "bursar.toml").write_text(text)
    loaded, usual = Settings.load(tmp_path / "bursar.toml").context, Settings().context
    assert loaded.max_age == 90 * 86_400
    assert loaded.model_copy(update={"max_age": None}) == usual


def test_every_setting_that_it_names_exists() -> None:
    named = re.findall(r"`(context|compression|patterns|agents)\.([a-z_.<>]+)`", PAGE)
    assert len(named) >= 12
    for section, path in named:
        known: Any = Settings.model_fields[section].annotation
        names = path.split(".")
        if section == "agents":
            known, names = get_args(known)[1], names[1:]
        for name in names:
            assert issubclass(known, BaseModel), f"{section}.{path}"
            assert name in known.model_fields, f"{section}.{path}"
            known = known.model_fields[name].annotation


def test_its_tables_have_every_genre_and_specialisation() -> None:
    genres = PAGE.split("| genre |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", genres, flags=re.MULTILINE) == list(get_args(Genre))
    for kind in get_args(Specialisation):
        assert kind == "general" or f"`{kind}`" in PAGE


def test_every_method_that_it_names_exists() -> None:
    methods = set(dir(OpensContexts)) | set(dir(PatternMethods))
    named = re.findall(
        r"`(\w+_(?:context|contexts|memory|messages|message|pattern|patterns|cache|throttle))\b", PAGE
    )
    assert len(named) >= 12
    assert {name for name in named if name not in methods} <= {"all_messages"}
