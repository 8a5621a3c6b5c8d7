"""What the documents say is what the code does."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bursar
from bursar.domain.registry import REGISTRY
from bursar.eventstore.reader import Reader
from bursar.listeners import Listeners
from bursar.testing.gguf import write_model

from ..projections.world import World

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])


def _generated() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, str] = module.pages()
    return pages


def test_the_generated_pages_are_what_the_code_tells_today() -> None:
    for name, text in _generated().items():
        written = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert written == text, f"docs/{name} is out of date: run `./dev docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_example_runs(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    for seed, name in enumerate(("small", "large")):
        write_model(tmp_path / "models" / f"{name}.gguf", seed=seed, name=name)
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={**os.environ, "BURSAR_PROVIDERS__DISCOVER": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "llama:small" in done.stdout


def test_the_commands_of_the_journal_page_do_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    (bursar .*?)(?:  +.*)?$", page, flags=re.MULTILINE)
    assert len(commands) >= 8
    (tmp_path / "copies").mkdir()
    World.started(tmp_path / "journal.db").close()
    environment = {**os.environ, "BURSAR_JOURNAL": "journal.db"}
    for command in commands:
        if command.startswith("bursar repair"):
            damage(tmp_path / "journal.db")
        program = command.replace("bursar", f"{sys.executable} -m bursar", 1)
        shell = ["/bin/sh", "-c", program]
        done = subprocess.run(
            shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
    checked = subprocess.run(
        [sys.executable, "check_proof.py"],
        cwd=tmp_path / "proof",
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with Reader(tmp_path / "mended.db") as reader:
        assert reader.head() > 0


def damage(path: Path) -> None:
    """Change a byte of the last event's data."""
    with Reader(path) as reader:
        last = reader.get(reader.head())
    assert last is not None and last.data is not None
    content = bytearray(path.read_bytes())
    at = content.rindex(last.data.encode())
    content[at + 2] ^= 1
    path.write_bytes(content)


def test_the_readme_names_every_command(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = subprocess.run(
        [sys.executable, "-m", "bursar", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^  (\w+) ", listed.split("Commands:")[1].split("\n\n")[0], flags=re.MULTILINE)
    assert len(commands) >= 9
    assert [name for name in commands if f"bursar {name}" not in readme and f"dev {name}" not in readme] == []


def test_every_event_is_on_its_page_and_can_be_listened_for() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    told = re.findall(r"^### (\w+)$", page, flags=re.MULTILINE)
    assert sorted(told) == sorted({name for name, _version in REGISTRY})
    heard = Listeners()
    for name in told:
        heard.add(f"{name[0].lower()}{name[1:]}", print)


def test_everything_public_is_exported_and_exists() -> None:
    assert list(bursar.__all__) == sorted(bursar.__all__)
    for name in bursar.__all__:
        assert getattr(bursar, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_this"):
        getattr(bursar, "nothing_like_this")  # noqa: B009 - a plain attribute would not pass the type checkers
