"""What the documents say is what the code does."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bursar
from bursar.testing.gguf import write_model

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
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "llama:small" in done.stdout


def test_the_readme_names_every_command(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = subprocess.run(
        [sys.executable, "-m", "bursar", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^  (\w+) ", listed.split("Commands:")[1].split("\n\n")[0], flags=re.MULTILINE)
    assert len(commands) >= 9
    assert [name for name in commands if f"bursar {name}" not in readme and f"dev {name}" not in readme] == []


def test_everything_public_is_exported_and_exists() -> None:
    assert list(bursar.__all__) == sorted(bursar.__all__)
    for name in bursar.__all__:
        assert getattr(bursar, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_this"):
        getattr(bursar, "nothing_like_this")  # noqa: B009 - a plain attribute would not pass the type checkers
