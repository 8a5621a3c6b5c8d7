"""`bursar models`."""

import time

import click

from ...eventstore.reader import Reader
from ...eventstore.snapshots import SnapshotStore
from ...projections.figures import ago, listed, moment, size, span
from ...projections.models import Estimate, ModelRow, model_table
from ...projections.replay import state_at
from ...projections.snapshots import nearest
from .options import MOMENT, position_of, reading
from .output import emit, on_terminal, progress, table

_NUMBERS = ("LEASES", "LOADS", "LOAD TIME", "EVICTED", "UNLOADED", "LOST", "DONE", "NOT DONE", "TOKENS")
_HEADING = ("MODEL", "STATE", "SINCE", "MEMORY", "FROM", "EXPECTED", *_NUMBERS, "NOTES")
#: What is left out first where the terminal is narrow.
_OPTIONAL = (
    *("FROM", "LOAD TIME", "LOST", "UNLOADED", "NOT DONE", "TOKENS", "EVICTED", "LOADS", "EXPECTED"),
    *("SINCE", "DONE", "NOTES"),
)


@click.command(epilog=MOMENT)
@click.option("--at", "at", metavar="POSITION|TIME", default="head", show_default=True, help="The moment.")
@reading
def models(at: str, journal: str, as_json: bool) -> None:
    """Every model: where it is, what it takes, what it has done.

    Counts are since the journal began. EVICTED is part of UNLOADED; NOT DONE counts requests that failed or
    were cancelled, rejected, expired or aborted; TOKENS are those read and those written.

    EXPECTED is what a load will take, and between which bounds in nine of ten cases. NOTES say who loaded it,
    what window it has when that is smaller than asked for, and what its provider cannot do.

    A terminal that is too narrow gets fewer columns; a pipe and --json have all.
    """
    with Reader(journal) as reader:
        position = position_of(reader, at)
        with progress("folding", position) as report:
            start = nearest(SnapshotStore.beside(journal), position)
            rows = model_table(reader, state_at(reader, position, start, report))
    if as_json:
        emit([row.model_dump(mode="json") for row in rows])
    elif rows:
        table(_HEADING, map(_cells, rows), right=_NUMBERS, optional=_OPTIONAL)
    else:
        click.echo("The journal knows no models yet.")


def _cells(row: ModelRow) -> list[str]:
    counts = row.counts
    done = counts.requests.get("completed", 0)
    since = ago(row.since, time.time_ns()) if on_terminal() else moment(row.since)
    return [
        f"{row.model} (pinned)" if row.pinned else row.model,
        row.state.value,
        since if row.since else "",
        listed([f"{size(amount)} {device}" for device, amount in sorted(row.memory.items())]),
        row.provenance or (row.estimate.provenance if row.estimate else ""),
        _expected(row.estimate),
        str(len(row.leases)),
        str(counts.loads),
        span(counts.load_ms),
        str(row.evictions),
        str(sum(counts.unloads.values())),
        str(counts.lost),
        str(done),
        str(sum(counts.requests.values()) - done),
        f"{counts.prompt_tokens} + {counts.completion_tokens}",
        listed(_notes(row)),
    ]


def _expected(estimate: Estimate | None) -> str:
    if estimate is None or not estimate.likely:
        return ""
    if estimate.low is None or estimate.high is None or estimate.low == estimate.high:
        return size(estimate.likely)
    return f"{size(estimate.likely)} ({size(estimate.low)} to {size(estimate.high)})"


def _notes(row: ModelRow) -> list[str]:
    """What is not as usual with it."""
    notes = [row.origin] if row.origin in ("external", "assumed") else []
    asked, granted = row.context_asked, row.context_granted
    if asked is not None and granted is not None and granted < asked:
        notes.append(f"{granted} of {asked} tokens")
    return [*notes, *(f"no {ability}" for ability in row.lacks or ())]
