"""The golden rows: one legal history after another, as they were released."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from bursar.domain.events import Event
from bursar.domain.kernel import evolve, initial
from bursar.domain.upcasting import Key
from bursar.eventstore.records import Record
from bursar.projections.history import digest, to_event

FOLDER = Path(__file__).parent / "golden"
ROWS = FOLDER / "rows.jsonl"
SEALS = FOLDER / "seals.json"


class Seal(NamedTuple):
    """What is known of a history, so that nobody changes it unnoticed."""

    rows: int
    #: SHA-256 over its lines.
    lines: str
    #: Digest of the state that it folds to.
    state: str


def histories(path: Path = ROWS) -> dict[str, list[Record]]:
    """Their rows, by name."""
    found: dict[str, list[Record]] = {}
    for name, line in _lines(path):
        found.setdefault(name, []).append(_record(line))
    return found


def seals(path: Path = SEALS) -> dict[str, Seal]:
    """The seals as they were made."""
    return {name: Seal(**seal) for name, seal in json.loads(path.read_text()).items()}


def sealed(path: Path = ROWS) -> dict[str, Seal]:
    """The seals as they would be made today."""
    text: dict[str, list[str]] = {}
    for name, line in _lines(path):
        text.setdefault(name, []).append(line)
    return {
        name: Seal(len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest(), _state(lines))
        for name, lines in text.items()
    }


def covered(rows: Iterable[Record]) -> set[Key]:
    """Types and versions of rows."""
    return {(row.type, row.version) for row in rows}


def line(history: str, record: Record) -> str:
    """A row as it stands in the file."""
    fields: dict[str, Any] = {"history": history, **record._asdict()}
    if record.data is not None:
        fields["data"] = json.loads(record.data)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _lines(path: Path) -> list[tuple[str, str]]:
    return [(json.loads(text)["history"], text) for text in path.read_text().splitlines()]


def _record(text: str) -> Record:
    fields = json.loads(text)
    del fields["history"]
    data = json.dumps(fields.pop("data"), ensure_ascii=False, separators=(",", ":"))
    return Record(**fields, data=data)


def _state(lines: list[str]) -> str:
    state = initial()
    for event in map(_event, lines):
        state = evolve(state, event)
    return digest(state)


def _event(text: str) -> Event:
    return to_event(_record(text))
