"""`bursar log`."""

import json
import time
from collections import deque
from itertools import chain, islice

import click

from ...eventstore.following import Interest
from ...eventstore.following import follow as follow_on
from ...eventstore.reader import Reader
from ...eventstore.records import Record
from ...eventstore.views.index import IndexedReader
from ...projections.figures import ago, moment
from ...projections.log import line
from .options import MOMENT, position_before, position_of, reading
from .output import emit, on_terminal, styled
from .pipes import write

_STYLES = {"fact": "", "decision": "cyan"}


@click.command(epilog=MOMENT)
@click.option("--type", "types", metavar="NAME", multiple=True, help="Only this type; may be repeated.")
@click.option("--subject", metavar="SUBJECT", help="Only about this: model/ID, request/N, host, …")
@click.option(
    "--correlation", metavar="POSITION", type=click.IntRange(1), help="Only of the flow that began there."
)
@click.option("--since", metavar="POSITION|TIME", help="Only from this moment on.")
@click.option("--until", "--at", "until", metavar="POSITION|TIME", help="Only up to this moment.")
@click.option("--after", metavar="POSITION", type=click.IntRange(0), help="Only behind this position.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Only the last N; the first with --after.")
@click.option("--follow", is_flag=True, help="Stay, and show what is written from now on, too.")
@reading
def log(
    types: tuple[str, ...],
    subject: str | None,
    correlation: int | None,
    since: str | None,
    until: str | None,
    after: int | None,
    limit: int | None,
    follow: bool,
    journal: str,
    as_json: bool,
) -> None:
    """The events of the journal, newest last.

    With --json one document for each event, a line each. Times are UTC.
    """
    if follow and until is not None:
        raise click.UsageError("--follow has no end, and --until is one.")
    interest = Interest(types or None, subject, correlation)
    with IndexedReader(journal) as reader:
        last = reader.head() if until is None else position_of(reader, until)
        first = after if after is not None else position_before(reader, since)
        if limit is not None and after is None and interest == Interest():
            first = max(first, last - limit)
        records = reader.read(first, last, **interest._asdict())
        if limit is not None:
            records = islice(records, limit) if after is not None else iter(deque(records, maxlen=limit))
        if follow:
            records = chain(records, follow_on(journal, last, interest))
        for record in records:
            _show(reader, record, as_json)


def _show(reader: Reader, record: Record, as_json: bool) -> None:
    shown = line(record)
    if as_json:
        emit(_document(reader, record, shown.summary), lines=True)
        return
    when = moment(shown.at)
    text = f"{shown.position:>6}  {when}  {shown.type:<20} {shown.subject}: {shown.summary}"
    if on_terminal():
        styled(f"{text}  ({ago(shown.at, time.time_ns())})", _STYLES[shown.kind])
    else:
        write(text)


def _document(reader: Reader, record: Record, summary: str) -> dict[str, object]:
    leaf = reader.leaf(record.position)
    return {
        **record._asdict(),
        "data": None if record.data is None else json.loads(record.data),
        "leaf": leaf and leaf.hex(),
        "summary": summary,
    }
