"""`bursar backup`."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from ...eventstore.keeping.backup import Backup
from ...eventstore.keeping.backup import backup as make
from ...eventstore.reader import Reader
from ...projections.figures import columns, count, size
from .options import reading
from .output import emit, progress
from .pipes import write


@click.command()
@click.argument("destination", metavar="DEST")
@click.option("--bodies", is_flag=True, help="With the texts of messages, as ciphertext.")
@click.option("--force", is_flag=True, help="It may replace a journal.")
@reading
def backup(destination: str, bodies: bool, force: bool, journal: str, as_json: bool) -> None:
    """A checked copy of the journal, made beside who writes it.

    DEST is a file, which appears when it is whole and checked or not at all. Archived segments are copied to
    DEST.archive. Keys are never in a backup. Exits with 1 when the file of an archived segment is missing.
    """
    with Reader(journal) as reader:
        events = reader.head()
    with progress("backing up", events) as report:
        made = make(journal, destination, replace=force, bodies=bodies, progress=report)
    if as_json:
        emit(asdict(made))
    else:
        write("\n".join(columns(list(_told(made, bodies)))))
    if made.missing:
        sys.exit(1)


def _told(made: Backup, bodies: bool) -> Iterator[tuple[str, str]]:
    yield "backup", f"{made.path}: {count(made.position, 'event')}, {size(made.size_bytes)}"
    signed = f" and agrees with {count(made.checkpoints, 'signed checkpoint')}" if made.checkpoints else ""
    yield "checked", f"every event is as written{signed}, root {made.root}"
    if made.archived:
        yield "archive", f"{count(len(made.archived), 'segment')} in {made.path}.archive"
    for file in made.missing:
        yield (
            "MISSING",
            f"{file}: it is not in the journal's archive, or not as it was; its events are lost here",
        )
    if made.bodies is not None:
        yield "bodies", f"{Path(made.bodies).name}, which nobody can read without the keys"
    else:
        yield "bodies", "there are none" if bodies else "not in it; --bodies copies them, too"
    yield "keys", "never in a backup: keep .keys.db, .kek and .key elsewhere"
