"""`bursar replay`."""

import sys

import click

from ...eventstore.reader import Reader
from ...projections.figures import count
from ...projections.history import digest
from ...projections.replay import Replay
from ...projections.replay import replay as fold_again
from .options import MOMENT, position_of, reading
from .output import emit, progress, styled


@click.command(epilog=MOMENT)
@click.option("--to", "to", metavar="POSITION|TIME", default="head", show_default=True, help="Where to stop.")
@reading
def replay(to: str, journal: str, as_json: bool) -> None:
    """Fold the journal again and compare with the live process.

    The live process writes down the digest of its state now and then, and when it closes. Exits with 1 when
    the replayed state is another one anywhere.
    """
    with Reader(journal) as reader:
        position = position_of(reader, to)
        with progress("replaying", position) as report:
            found = fold_again(reader, position, report)
    if as_json:
        emit(_document(found))
    else:
        styled(_told(found), "green" if found.equal else "bold red")
    if not found.equal:
        sys.exit(1)


def _document(found: Replay) -> dict[str, object]:
    different = found.difference
    return {
        "position": found.state.position,
        "digest": digest(found.state),
        "equal": found.equal,
        "compared": found.compared,
        "difference": different
        and {
            "position": different.position,
            "recorded": different.recorded,
            "replayed": different.replayed,
        },
    }


def _told(found: Replay) -> str:
    events = f"replayed {count(found.state.position, 'event')}"
    if found.difference:
        return (
            f"{events}: the state before #{found.difference.position} is not the live one.\n"
            f"  recorded {found.difference.recorded}\n  replayed {found.difference.replayed}"
        )
    if not found.compared:
        return f"{events}; the live process recorded no digest to compare with."
    return f"{events}: equal to the live state at {count(found.compared, 'recorded digest')}."
