"""`bursar state`."""

import json

import click

from ...eventstore.reader import Reader
from ...eventstore.snapshots import SnapshotStore
from ...projections.diff import flat, plain, shown
from ...projections.figures import columns
from ...projections.replay import state_at
from ...projections.snapshots import nearest
from .options import MOMENT, position_of, reading
from .output import progress
from .pipes import write


@click.command(epilog=MOMENT)
@click.option("--at", "at", metavar="POSITION|TIME", default="head", show_default=True, help="The moment.")
@reading
def state(at: str, journal: str, as_json: bool) -> None:
    """The whole state as it was at a position or time.

    One line for each place in the state, in a form that can be searched; with --json the document itself.
    """
    with Reader(journal) as reader:
        position = position_of(reader, at)
        with progress("folding", position) as report:
            start = nearest(SnapshotStore.beside(journal), position)
            found = plain(state_at(reader, position, start, report))
    if as_json:
        write(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        write("\n".join(columns([(path, shown(value)) for path, value in flat(found)])))
