"""How long `bursar status` takes to start, beside a bare interpreter."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from bursar.eventstore.journal import Journal

_ROUNDS = 30
_GOAL = 3.5


def main() -> None:
    """Print the medians of rounds in which the variants take turns, and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        Journal.open(journal).close()
        bursar = Path(sys.executable).with_name("bursar")
        variants = {
            "bare interpreter": [sys.executable, "-c", "pass"],
            "bursar status": [str(bursar), "status", "--journal", str(journal)],
            "bursar --help": [str(bursar), "--help"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(_ROUNDS):
            for name, command in variants.items():
                seconds[name].append(_time(command))
    bare = median(seconds["bare interpreter"])
    for name, times in seconds.items():
        print(f"{name:<18}{median(times) * 1000:7.1f} ms {median(times) / bare:6.2f}")
    met = median(seconds["bursar status"]) <= _GOAL * bare
    print(f"goal: status within {_GOAL} of a bare interpreter: {'met' if met else 'not met'}")


def _time(command: list[str]) -> float:
    # With bytecode, as anybody runs it after the first time.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    return perf_counter() - started
