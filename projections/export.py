"""The journal as lines of JSON for other programs: its own events, or CloudEvents."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, Literal
from urllib.parse import quote

from ..domain.errors import JournalCorrupt
from ..eventstore.records import Record

Format = Literal["jsonl", "cloudevents"]

_NS_PER_S = 1_000_000_000
#: As wide as the largest position, so that texts sort like the numbers.
_DIGITS = 19


def exported(records: Iterable[Record], journal: str, journal_id: bytes, format_: Format) -> Iterator[str]:
    """A line for each event, without its end, one at a time. `journal` is the path, for messages.

    Data goes out as it was written, byte for byte. Raises JournalCorrupt for data that is no JSON.
    """
    name = journal_id.hex()
    for record in records:
        if record.data is not None:
            _require_json(record.data, record.position, journal)
        attributes = cloud_event(record, name) if format_ == "cloudevents" else _columns(record)
        text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
        yield text if record.data is None else f'{text[:-1]},"data":{record.data}}}'


def cloud_event(record: Record, journal: str) -> dict[str, Any]:
    """The event without its data, by CloudEvents 1.0 (https://github.com/cloudevents/spec).

    With its extensions Correlation, Partitioning and Sequence; `kind`, `actor` and, where the data is gone,
    `redacted` are ours. `journal` is its id in hex.
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{journal}:{record.position}",
        "source": f"/bursar/{journal}/{quote(record.subject)}",
        "type": f"dev.bursar.{record.type}.v{record.version}",
        "subject": record.subject,
        "time": instant(record.at),
        "sequence": f"{record.position:0{_DIGITS}}",
        "partitionkey": record.subject,
        "correlationid": f"{journal}:{record.correlation}",
    }
    if record.cause is not None:
        event["causationid"] = f"{journal}:{record.cause}"
    event |= {"kind": record.kind, "actor": record.actor}
    if record.data is None:
        return {**event, "redacted": True}
    return {**event, "datacontenttype": "application/json"}


def instant(at: int) -> str:
    """UTC nanoseconds as RFC 3339 has it, with all of them: `2026-10-01T14:02:11.120000007Z`."""
    seconds, rest = divmod(at, _NS_PER_S)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09}Z"


def _columns(record: Record) -> dict[str, Any]:
    """The event's columns but for its data."""
    columns = record._asdict()
    if columns.pop("data") is None:
        columns["redacted"] = True
    return columns


def _require_json(data: str, position: int, journal: str) -> None:
    """Raise unless it is JSON that fits on a line."""
    try:
        json.loads(data)
    except (ValueError, RecursionError) as error:
        problem = f"its data is no JSON ({error})"
        raise JournalCorrupt(path=journal, position=position, problem=problem) from error
    if "\n" in data or "\r" in data:
        raise JournalCorrupt(path=journal, position=position, problem="its data is not canonical JSON")
