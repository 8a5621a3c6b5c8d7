"""`bursar export`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from ...eventstore.identity import resolve
from ...eventstore.keeping.placing import placed, refuse_own
from ...eventstore.reader import Reader
from ...projections.export import Format, exported
from ...projections.figures import count
from .options import MOMENT, journal_option, position_before, position_of
from .output import progress

_PROGRESS_EVERY = 4096


@click.command(epilog=MOMENT)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "cloudevents"]),
    default="jsonl",
    show_default=True,
    help="The journal's own columns, or CloudEvents 1.0.",
)
@click.option("--since", metavar="POSITION|TIME", help="Only from this moment on.")
@click.option(
    "--until", metavar="POSITION|TIME", default="head", show_default=True, help="Only up to this moment."
)
@click.option("--type", "types", metavar="NAME", multiple=True, help="Only this type; may be repeated.")
@click.option("--subject", metavar="SUBJECT", help="Only about this: model/ID, request/N, host, …")
@click.option("-o", "--output", metavar="FILE", help="Write to this file, whole or not at all.")
@click.option("--force", is_flag=True, help="The file may replace another.")
@journal_option
def export(
    format_: Format,
    since: str | None,
    until: str,
    types: tuple[str, ...],
    subject: str | None,
    output: str | None,
    force: bool,
    journal: str,
) -> None:
    """The events as lines of JSON, for other programs.

    However long the journal, memory stays small. An event whose data was redacted says so in its place.
    """
    with Reader(journal) as reader:
        first, last = position_before(reader, since), position_of(reader, until)
        records = reader.read(after=first, until=last, types=types or None, subject=subject)
        lines = exported(records, reader.path, reader.journal_id, format_)
        if output is None:
            _write(lines, sys.stdout.buffer, lambda _: None)
            return
        refuse_own(reader.path, resolve(output))
        with (
            progress("exporting", last - first) as report,
            placed(resolve(output), replace=force) as building,
            Path(building).open("wb") as file,
        ):
            written = _write(lines, file, lambda done: report and report(done, last - first))
    click.echo(f"{output}: {count(written, 'event')}", err=True)


def _write(lines: Iterator[str], file: BinaryIO, progress: Callable[[int], object]) -> int:
    written = 0
    for line in lines:
        file.write(f"{line}\n".encode())
        written += 1
        if written % _PROGRESS_EVERY == 0:
            progress(written)
    return written
