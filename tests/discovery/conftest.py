"""A place where nothing is set, and no provider of whoever runs the tests is asked."""

import os
from pathlib import Path

import pytest

from bursar.discovery import OLLAMA_HOST


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, and no variable that says where providers are."""
    for name in list(os.environ):
        if name.startswith("BURSAR_") or name == OLLAMA_HOST:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
