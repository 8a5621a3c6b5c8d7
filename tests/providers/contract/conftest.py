"""Every test of the contract runs in every world there is."""

import importlib
from pathlib import Path

import pytest

from .world import Opening


def _openings() -> list[Opening]:
    """Those of every `worlds_*.py` beside this file."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("worlds_*.py"))
    modules = [importlib.import_module(f".{name}", __package__) for name in names]
    return [opening for module in modules for opening in module.OPENINGS]


@pytest.fixture(params=_openings(), ids=lambda opening: opening.name)
def opening(request: pytest.FixtureRequest) -> Opening:
    """A world to open."""
    chosen: Opening = request.param
    return chosen
