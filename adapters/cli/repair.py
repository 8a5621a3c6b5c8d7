"""`bursar repair`."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from ...eventstore.keeping.repair import Repair
from ...eventstore.keeping.repair import repair as make
from ...projections.figures import columns, count
from .output import emit, progress
from .pipes import write


@click.command()
@click.option(
    "--from-good-prefix", is_flag=True, help="Copy the events before the damage; the only way there is."
)
@click.argument("journal", metavar="JOURNAL")
@click.argument("destination", metavar="DEST")
@click.option("--json", "as_json", is_flag=True, help="Write JSON and nothing else.")
def repair(from_good_prefix: bool, journal: str, destination: str, as_json: bool) -> None:
    """Copy what is good of a damaged journal to a new one.

    DEST gets the longest beginning of JOURNAL that is what was written: every event hashes to its leaf, and
    every root agrees. JOURNAL stays as it is. A journal that is not damaged is refused.
    """
    if not from_good_prefix:
        raise click.UsageError("What comes after the damage will not be in DEST: say --from-good-prefix.")
    with progress("reading", sys.maxsize) as report:
        made = make(journal, destination, report)
    if as_json:
        emit({**asdict(made), "lost": made.lost})
    else:
        write("\n".join(columns(list(_told(made, journal)))))


def _told(made: Repair, journal: str) -> Iterator[tuple[str, str]]:
    yield "repaired", f"{made.path}: {count(made.position, 'event')}, root {made.root}"
    if made.lost:
        first = made.position + 1
        positions = f"position {first}" if made.lost == 1 else f"positions {first} to {made.head}"
        yield "lost", f"{count(made.lost, 'event')}, {positions}"
    else:
        yield "lost", "no event"
    yield "because", made.reason
    if made.vouched < made.position:
        alone = count(made.position - made.vouched, "event")
        yield "vouched", f"a root speaks for {made.vouched}; for the last {alone} only their own hashes do"
    else:
        yield "vouched", "a root speaks for all of them"
    for position in made.unexplained:
        yield (
            "redacted",
            f"position {position}, by an event that is lost; `bursar verify` will keep saying so",
        )
    for file in made.missing:
        yield "missing", f"{file}: it is not in the archive of {journal}, or not as it was"
    yield (
        "next",
        f"{journal} is as it was; keep it. To go on, give {made.path} its name, beside its .key and others",
    )
