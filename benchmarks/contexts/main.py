"""Runs the parts of the benchmark of contexts, and prints their tables."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .counting import counting
from .lossless import lossless
from .query_agnostic import query_agnostic
from .query_aware import query_aware
from .traces import traces

Figures = dict[str, Any]
#: A part: given the folder with the data and whether to be quick, its figures and its table as text.
Part = Callable[[Path, bool], tuple[Figures, str]]


def main(data: Path, *, quick: bool = False, as_json: bool = False) -> None:
    """Measure all parts; as tables, or as one JSON object by the names of the parts."""
    found: Figures = {}
    for name, part in PARTS.items():
        figures, table = part(data, quick)
        found[name] = figures
        if not as_json:
            print(f"-- {name}\n{table}\n", flush=True)
    if as_json:
        print(json.dumps(found, indent=1))


PARTS: dict[str, Part] = {
    "counting": counting,
    "lossless": lossless,
    "query_aware": query_aware,
    "query_agnostic": query_agnostic,
    "traces": traces,
}
