"""Runs all the measurements of the journal and prints one table."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter
from typing import NamedTuple

from . import appending, pacing, reading
from .figures import Figure, Others, Report, table, to_json
from .loops import loops

_NO_PEER = "eventsourcing is not installed, so nothing is measured beside it: pip install -e '.[dev]'"


class Sizes(NamedTuple):
    """How much of everything."""

    rounds: int
    #: Appended in a turn.
    appends: int
    #: Seconds of a turn at a steady pace.
    paced_s: float
    #: Saved in a turn, and events of the log that the peer replays.
    saves: int
    log: int
    #: Events of the long journal, and those of it that the read model folds.
    long: int
    replayed: int
    #: Rounds of opening the long journal, one of which folds all of it.
    openings: int


FULL = Sizes(7, 40_000, 2.5, 4_000, 50_000, 1_000_000, 200_000, 3)
QUICK = Sizes(5, 12_000, 1.0, 1_000, 5_000, 100_000, 50_000, 3)


def main(*, quick: bool, as_json: bool) -> None:
    """Measure, and print the table or the JSON; what is being measured is said on standard error."""
    report = measure(QUICK if quick else FULL)
    print(to_json(report) if as_json else table(report))


def measure(sizes: Sizes) -> Report:
    """Everything, one after another, on the same machine in the same minutes."""
    others = Others()
    figures: list[Figure] = []
    figures += _said("appending", lambda: appending.measure(sizes.rounds, sizes.appends, loops()))
    figures += _said("acknowledgements", lambda: pacing.measure(sizes.rounds, sizes.paced_s))
    notes = list(_NOTES)
    if find_spec("eventsourcing") is None:
        notes.append(_NO_PEER)
    else:
        from . import beside

        figures += _said("eventsourcing", lambda: beside.measure(sizes.rounds, sizes.saves, sizes.log))
    figures += _said("reading", lambda: _long(sizes))
    figures += _said("the log", lambda: reading.measure_log(10))
    return Report(tuple(figures), tuple(notes), others.share())


_NOTES: tuple[str, ...] = (
    "ratios are medians over rounds in which the variants take turns; so are rates",
    "the bare loop inserts the same rows with their index, made beforehand, and checkpoints as SQLite does",
    "eventsourcing as it comes does not validate events; both commit under NORMAL unless it says durable",
)


def _long(sizes: Sizes) -> list[Figure]:
    with reading.long_journal(sizes.long) as path:
        return [
            *reading.measure_replay(path, sizes.rounds, sizes.replayed),
            *reading.measure_verify(path, min(sizes.rounds, 5), sizes.long),
            *reading.measure_opening(path, sizes.openings, sizes.long),
        ]


def _said(what: str, work: Callable[[], list[Figure]]) -> list[Figure]:
    started = perf_counter()
    print(f"{what} …", end=" ", file=sys.stderr, flush=True)
    figures = work()
    print(f"{perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return figures
