"""A journal with an eviction in it, written once for all tests that only read it."""

from pathlib import Path

import pytest

from ..projections.world import evicting


@pytest.fixture(scope="session")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "journal.db"
    evicting(path).close()
    return path
