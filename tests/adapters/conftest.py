"""Models to load, and a place for the processes that hold them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.testing.gguf import write_model

from .llama_world import LONG, children


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two good models, and others that are not."""
    folder = tmp_path_factory.mktemp("models")
    tiny = write_model(folder / "tiny.gguf", context=LONG)
    write_model(folder / "wide.gguf", embedding=512, seed=1)
    whole = tiny.read_bytes()
    (folder / "text.gguf").write_text("not a model")
    (folder / "truncated.gguf").write_bytes(whole[: len(whole) // 2])
    (folder / "folder.gguf").mkdir()
    # Its header is fine; only the engine finds that something is missing.
    (folder / "maimed.gguf").write_bytes(whole.replace(b"output_norm.weight", b"output_gone.weight"))
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Iterator[Path]:
    """Where children are found again; no test leaves one."""
    yield tmp_path / "run"
    assert children() == []
