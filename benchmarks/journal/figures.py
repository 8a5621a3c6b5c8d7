"""Figures: what was measured, against what, and whether that is good enough."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import psutil

#: By variant: what each of its rounds came to.
Rounds = dict[str, list[float]]

_HEADINGS = ("measure", "bursar", "peer or limit", "ratio", "must", "goal", "met")


class Figure(NamedTuple):
    """One line of the table. `ratio` is the one of the two that says how good, and is what is judged."""

    measure: str
    bursar: float
    #: Of whoever does the same beside us, or the limit itself.
    other: float
    #: Of both.
    unit: str
    ratio: float
    #: None where nothing is asked: the line is there so that nothing is hidden.
    must: float | None = None
    goal: float | None = None
    #: Whether the ratio must not be above `must`, instead of not below.
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the ratio is as it must be; None where nothing is asked."""
        return None if self.must is None else self._reaches(self.must)

    @property
    def goal_met(self) -> bool | None:
        """The same of the goal."""
        return None if self.goal is None else self._reaches(self.goal)

    def _reaches(self, limit: float) -> bool:
        return self.ratio <= limit if self.at_most else self.ratio >= limit


class Report(NamedTuple):
    """A run."""

    figures: tuple[Figure, ...]
    #: What the reader must know to judge them.
    notes: tuple[str, ...]
    #: Share of the machine's processors that other programs took meanwhile.
    others: float


def alternate(rounds: int, variants: Mapping[str, Callable[[], float]]) -> Rounds:
    """Let the variants take turns, so that what the machine does meanwhile falls on all of them."""
    found: Rounds = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            found[name].append(variant())
    return found


def ratio(rounds: Rounds, one: str, other: str) -> float:
    """The median of the ratios of the rounds: what a slow minute does to both cancels out."""
    return median(mine / theirs for mine, theirs in zip(rounds[one], rounds[other], strict=True))


def beside(
    measure: str,
    rounds: Rounds,
    one: str,
    other: str,
    unit: str,
    *,
    must: float | None = None,
    goal: float | None = None,
) -> Figure:
    """A variant's rates beside another's."""
    return Figure(
        measure, median(rounds[one]), median(rounds[other]), unit, ratio(rounds, one, other), must, goal
    )


def limited(measure: str, value: float, limit: float, unit: str, *, judged: bool = True) -> Figure:
    """A value that must stay within a limit."""
    return Figure(measure, value, limit, unit, value / limit, 1.0 if judged else None, at_most=True)


class Others:
    """Measures what other programs take of the machine's processors, from when it is made."""

    def __init__(self) -> None:
        self._before = _processor_seconds()

    def share(self) -> float:
        """The share they took since: with more than a few per cent, no measurement is worth much."""
        busy, idle, ours = (
            now - before for now, before in zip(_processor_seconds(), self._before, strict=True)
        )
        return max(0.0, (busy - ours) / max(busy + idle, 0.01))


def _processor_seconds() -> tuple[float, float, float]:
    """Of all processors, busy and idle, and of this process with those that it has waited for."""
    all_of_them, mine = psutil.cpu_times()._asdict(), os.times()
    idle = all_of_them["idle"] + all_of_them.get("iowait", 0.0)
    # Those of guests are among the others' already.
    busy = sum(value for name, value in all_of_them.items() if not name.startswith("guest"))
    return busy - idle, idle, sum(mine[:4])


def table(report: Report) -> str:
    """The report for people."""
    rows = [_HEADINGS, *(_cells(figure) for figure in report.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [_line(row, widths) for row in rows]
    judged = [figure for figure in report.figures if figure.met is not None]
    aimed = [figure for figure in report.figures if figure.goal_met is not None]
    verdict = (
        f"musts: {sum(figure.met is True for figure in judged)} of {len(judged)} met; "
        f"goals: {sum(figure.goal_met is True for figure in aimed)} of {len(aimed)}; "
        f"other programs took {report.others:.0%} of the processors meanwhile"
    )
    return "\n".join([*lines, *(f"* {note}" for note in report.notes), verdict])


def to_json(report: Report) -> str:
    """The report for programs."""
    figures = [
        {**figure._asdict(), "met": figure.met, "goal_met": figure.goal_met} for figure in report.figures
    ]
    return json.dumps({"figures": figures, "notes": report.notes, "others": report.others}, indent=2)


def _cells(figure: Figure) -> tuple[str, ...]:
    sign = "≤" if figure.at_most else "≥"
    met = {True: "yes", False: "NO", None: ""}[figure.met]
    return (
        figure.measure,
        _quantity(figure.bursar, figure.unit),
        _quantity(figure.other, figure.unit),
        f"{figure.ratio:.2f}" if figure.ratio < 20 else f"{figure.ratio:.0f}",
        "" if figure.must is None else f"{sign} {figure.must:g}",
        "" if figure.goal is None else f"{sign} {figure.goal:g}",
        met + (", goal too" if figure.goal_met else ""),
    )


def _quantity(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def _line(cells: Sequence[str], widths: Iterable[int]) -> str:
    """Names to the left, figures to the right."""
    placed = [
        cell.ljust(width) if column in (0, 6) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(placed).rstrip()
