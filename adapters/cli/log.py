"""`bursar log`."""

import json
import time
from collections import deque
from collections.abc import Iterator

import click

from ...eventstore.reader import Reader
from ...eventstore.records import Record
from ...projections.figures import ago, moment
from ...projections.log import line
from .options import MOMENT, position_of, reading, time_of
from .output import emit, on_terminal, styled
from .pipes import write

_POLL_S = 0.1
_STYLES = {"fact": "", "decision": "cyan"}


@click.command(epilog=MOMENT)
@click.option("--type", "types", metavar="NAME", multiple=True, help="Only this type; may be repeated.")
@click.option("--subject", metavar="SUBJECT", help="Only about this: model/ID, request/N, host, …")
@click.option("--since", metavar="POSITION|TIME", help="Only from this moment on.")
@click.option("--at", metavar="POSITION|TIME", help="Only up to this moment.")
@click.option("--after", metavar="POSITION", type=click.IntRange(0), help="Only behind this position.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Only the last N; the first with --after.")
@click.option("--follow", is_flag=True, help="Stay, and show what is written from now on, too.")
@reading
def log(
    types: tuple[str, ...],
    subject: str | None,
    since: str | None,
    at: str | None,
    after: int | None,
    limit: int | None,
    follow: bool,
    journal: str,
    as_json: bool,
) -> None:
    """The events of the journal, newest last.

    With --json one document for each event, a line each. Times are UTC.
    """
    if follow and at is not None:
        raise click.UsageError("--follow has no end, and --at is one.")
    with Reader(journal) as reader:
        head = reader.head()
        first = after if after is not None else _before(reader, since)
        until = head if at is None else position_of(reader, at)
        if limit is not None and after is None and not types and subject is None:
            first = max(first, until - limit)
        records = reader.read(after=first, until=until, types=types or None, subject=subject)
        for record in _limited(records, limit, from_start=after is not None):
            _show(record, as_json)
        if follow:
            _follow(reader, until, types, subject, as_json)


def _before(reader: Reader, since: str | None) -> int:
    """The position behind which `since` begins: what stands there, or happened just then, is included."""
    if since is None:
        return 0
    if since.isdecimal():
        return max(0, int(since) - 1)
    return reader.position_at(time_of(since, time.time_ns()) - 1)


def _limited(records: Iterator[Record], limit: int | None, *, from_start: bool) -> Iterator[Record]:
    if limit is None:
        return records
    if not from_start:
        return iter(deque(records, maxlen=limit))
    return (record for record, _ in zip(records, range(limit), strict=False))


def _follow(reader: Reader, seen: int, types: tuple[str, ...], subject: str | None, as_json: bool) -> None:
    version = None
    while True:
        if version == (version := reader.data_version()):
            time.sleep(_POLL_S)
            continue
        head = reader.head()
        for record in reader.read(after=seen, until=head, types=types or None, subject=subject):
            _show(record, as_json)
        seen = head


def _show(record: Record, as_json: bool) -> None:
    if as_json:
        document = {**record._asdict(), "data": json.loads(record.data), "leaf": record.leaf.hex()}
        emit({**document, "summary": line(record).summary}, lines=True)
        return
    shown = line(record)
    when = moment(shown.at)
    text = f"{shown.position:>6}  {when}  {shown.type:<20} {shown.subject}: {shown.summary}"
    if on_terminal():
        styled(f"{text}  ({ago(shown.at, time.time_ns())})", _STYLES[shown.kind])
    else:
        write(text)
