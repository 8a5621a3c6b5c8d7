"""How much is spent on loading, as a multiple of the least that was possible, by eviction policy."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from . import offline, policies
from .cells import Cell, Kind, cells
from .streams import DATA, STREAMS

GOAL = 1.25

#: What `--quick` runs: the two streams whose optimum is found at once.
QUICK = ("servegen24", "rag_loop")

POLICIES = {"lru": policies.lru, "lfu": policies.lfu, "ollama": policies.ollama, "bursar": policies.bursar}

_KINDS: tuple[Kind, ...] = ("slots", "memory", "slow disks")
_BAR_PER_UNIT = 20
_BAR_MAX = 40


class Row(NamedTuple):
    """One cell, measured."""

    stream: str
    budget: str
    kind: Kind
    optimum_ms: int
    #: By policy: milliseconds of loading.
    spent_ms: dict[str, int]

    def ratio(self, policy: str) -> float:
        """How many times the least possible the policy spends."""
        return self.spent_ms[policy] / self.optimum_ms


def main(argv: list[str]) -> None:
    """Print a row for each stream and budget, then the means and whether the goal is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks eviction", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with the traces (%(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"only {' and '.join(QUICK)}")
    parser.add_argument("--jobs", type=int, default=2, help="processes (%(default)s)")
    options = parser.parse_args(argv)
    print("load time / least possible load time; optimum in seconds of loading, one per load for slots")
    print(f"{'':33} {'optimum':>9} {_columns(POLICIES)}   bursar #, LRU .")
    rows: list[Row] = []
    for row in measure(options.data, QUICK if options.quick else tuple(STREAMS), options.jobs):
        rows.append(row)
        figures = _columns(f"{row.ratio(policy):.2f}" for policy in POLICIES)
        print(f"{row.stream:15} {row.budget:17} {row.optimum_ms / 1000:>9,.0f} {figures}   {_bar(row)}")
    print(summary(rows))
    print("goal: judged over all the streams" if options.quick else verdict(rows))


def measure(data: Path, streams: Sequence[str], jobs: int = 1) -> Iterable[Row]:
    """Every cell of the streams, in order, as they are done."""
    found = [cell for name in streams for cell in cells(STREAMS[name](data))]
    if jobs == 1:
        yield from map(measure_cell, found)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(measure_cell, found)


def measure_cell(cell: Cell) -> Row:
    """The optimum of one cell and what each policy spends on it."""
    best = offline.belady(cell) if cell.kind == "slots" else offline.optimum(cell)
    spent = {name: policy(cell) for name, policy in POLICIES.items()}
    return Row(cell.stream, cell.budget_name, cell.kind, best, spent)


def summary(rows: Sequence[Row]) -> str:
    """Means by kind of budget and over all, and the worst cells."""
    kinds = {kind: [row for row in rows if row.kind == kind] for kind in _KINDS}
    lines = [_line(f"geo-mean, {kind}", found, _geo_mean) for kind, found in kinds.items()]
    lines.append(_line(f"geo-mean, all {len(rows)}", rows, _geo_mean))
    return "\n".join([*lines, _line("worst", rows, max)])


def verdict(rows: Sequence[Row]) -> str:
    """Whether the goal is met, and what Ollama's order spends beside it."""
    ours = _geo_mean(row.ratio("bursar") for row in rows)
    fewer = 1 - ours / _geo_mean(row.ratio("ollama") for row in rows)
    met = "met" if ours <= GOAL else "not met"
    return f"goal: geo-mean ≤ {GOAL}: {met} ({ours:.3f}; {fewer:.0%} less loading than in Ollama's order)"


def _line(title: str, rows: Sequence[Row], statistic: Callable[[Iterable[float]], float]) -> str:
    values = (statistic([row.ratio(policy) for row in rows]) for policy in POLICIES)
    return f"{title:33} {'':>9} {_columns(f'{value:.2f}' for value in values)}"


def _columns(texts: Iterable[str]) -> str:
    return " ".join(f"{text:>6}" for text in texts)


def _bar(row: Row) -> str:
    """What is spent beyond the least possible: a twentieth of it for each character."""
    ours, theirs = (min(_BAR_MAX, round((row.ratio(name) - 1) * _BAR_PER_UNIT)) for name in ("bursar", "lru"))
    return "#" * ours + "." * (theirs - ours)


def _geo_mean(values: Iterable[float]) -> float:
    return exp(fmean(map(log, values)))
