"""`bursar diff`."""

import click

from ...eventstore.reader import Reader
from ...eventstore.snapshots import SnapshotStore
from ...projections.diff import ABSENT, Change, differences, shown
from ...projections.figures import columns
from ...projections.replay import state_at
from ...projections.snapshots import nearest
from .options import MOMENT, position_of, reading
from .output import emit, progress
from .pipes import write


@click.command(epilog=MOMENT)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@reading
def diff(before: str, after: str, journal: str, as_json: bool) -> None:
    """What changed in the state between two moments.

    A and B are positions or times; B may be the earlier one.
    """
    with Reader(journal) as reader:
        positions = position_of(reader, before), position_of(reader, after)
        with progress("folding", max(positions)) as report:
            start = nearest(SnapshotStore.beside(journal), min(positions))
            earlier = state_at(reader, min(positions), start, report)
            later = state_at(reader, max(positions), earlier, report)
    changes = differences(earlier, later) if positions[0] <= positions[1] else differences(later, earlier)
    if as_json:
        emit({"from": positions[0], "to": positions[1], "changes": [_document(change) for change in changes]})
    else:
        write("\n".join(columns([_cells(change) for change in changes])) or "Nothing is different.")


def _document(change: Change) -> dict[str, object]:
    """A side on which there is nothing is left out."""
    sides = {"before": change.before, "after": change.after}
    return {"path": change.path, **{side: value for side, value in sides.items() if value is not ABSENT}}


def _cells(change: Change) -> tuple[str, ...]:
    return change.path, shown(change.before), "→", shown(change.after)
