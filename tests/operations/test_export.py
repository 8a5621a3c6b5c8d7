"""Exports: what comes out is what is in the journal, one line at a time."""

import json
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import JournalCorrupt
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft, Kind, Record
from bursar.projections.export import exported, instant

from ..cli.calling import bursar, inside
from ..eventstore.helpers import draft
from .support import append, names, redact, written

ID = bytes(range(16))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def recorded(draw: st.DrawFn) -> Record:
    position = draw(st.integers(1, 2**63 - 1))
    kind: Kind = draw(st.sampled_from(("fact", "decision")))
    data = draw(st.none() | JSON.map(lambda value: json.dumps(value, separators=(",", ":"))))
    return Record(
        position=position,
        kind=kind,
        type=draw(NAMES),
        version=draw(st.integers(1, 9)),
        subject=draw(NAMES),
        at=draw(st.integers(0, 4_102_444_800_000_000_000)),
        cause=draw(st.none() | st.integers(1, position)),
        correlation=draw(st.integers(1, position)),
        actor=draw(NAMES),
        data=data,
    )


@given(st.lists(recorded(), max_size=5))
def test_lines_of_our_own_give_the_rows_again(records: list[Record]) -> None:
    lines = [line.encode() for line in exported(records, "j.db", ID, "jsonl")]
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    for line, record in zip(lines, records, strict=True):
        found = json.loads(line)
        data = found.pop("data", None)
        redacted = found.pop("redacted", False)
        assert redacted is (record.data is None)
        assert Record(**found, data=record.data) == record
        assert redacted or data == json.loads(str(record.data))


@given(recorded())
def test_cloud_events_say_all_of_it(record: Record) -> None:
    (line,) = exported([record], "j.db", ID, "cloudevents")
    event = json.loads(line)
    journal = ID.hex()
    assert (event["specversion"], event["id"]) == ("1.0", f"{journal}:{record.position}")
    assert event["source"].startswith(f"/bursar/{journal}/") and event["source"].isascii()
    assert event["type"] == f"dev.bursar.{record.type}.v{record.version}"
    assert event["subject"] == event["partitionkey"] == record.subject
    assert int(event["sequence"]) == record.position and len(event["sequence"]) == 19
    assert event["correlationid"] == f"{journal}:{record.correlation}"
    assert event.get("causationid") == (None if record.cause is None else f"{journal}:{record.cause}")
    assert (event["kind"], event["actor"]) == (record.kind, record.actor)
    if record.data is None:
        assert event["redacted"] is True and "data" not in event and "datacontenttype" not in event
    else:
        assert event["data"] == json.loads(record.data) and event["datacontenttype"] == "application/json"
    # As https://github.com/cloudevents/spec has it of the names of attributes.
    assert all(name.isalnum() and name.islower() and name.isascii() for name in event)


def test_times_have_all_their_nanoseconds() -> None:
    assert instant(1_790_856_000_000_000_007) == "2026-10-01T12:00:00.000000007Z"
    assert instant(0) == "1970-01-01T00:00:00.000000000Z"


def test_data_goes_out_as_it_was_written_byte_for_byte() -> None:
    record = Record(1, "fact", "T", 1, "host", 0, None, 1, "me", '{"é":1.50,"n":12345678901234567890}')
    (line,) = exported([record], "j.db", ID, "jsonl")
    assert line.endswith(',"data":{"é":1.50,"n":12345678901234567890}}')


@pytest.mark.parametrize("data", ["{", '{"a":\n1}', "[" * 100_000])
def test_data_that_would_spoil_the_lines_is_an_error_that_names_the_position(data: str) -> None:
    record = Record(7, "fact", "T", 1, "host", 0, None, 1, "me", data)
    with pytest.raises(JournalCorrupt, match=r"j\.db is damaged at position 7"):
        list(exported([record], "j.db", ID, "jsonl"))


def test_an_export_never_has_more_than_a_line_in_its_hands() -> None:
    given_ = list[int]()

    def endless() -> Iterator[Record]:
        for position in count(1):
            given_.append(position)
            yield Record(position, "fact", "T", 1, "host", 0, None, position, "me", "{}")

    assert len(list(islice(exported(endless(), "j.db", ID, "jsonl"), 5))) == 5
    assert given_ == [1, 2, 3, 4, 5]


def test_the_command_exports_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 20)
        redact(journal, 5)

    def positions(*options: object) -> list[int]:
        ran = inside("export", *options, journal=path)
        assert ran.exit_code == 0
        return [json.loads(line)["position"] for line in ran.stdout.splitlines()]

    assert positions() == list(range(1, 22))
    assert positions("--since", 18, "--until", 20) == [18, 19, 20]
    assert positions("--until", 0) == []
    assert positions("--subject", "model/3") == [3, 10, 17]
    assert positions("--type", "EventRedacted", "--type", "Nothing") == [21]
    assert positions("--since", "1970-01-01T00:00:00.000018Z", "--until", "1970-01-01T00:00:00.000019Z") == [
        18,
        19,
    ]
    fifth = json.loads(inside("export", "--since", 5, "--until", 5, journal=path).stdout)
    assert fifth["redacted"] is True and "data" not in fifth
    event = json.loads(inside("export", "--format", "cloudevents", "--until", 1, journal=path).stdout)
    with Reader(path) as reader:
        assert event["id"] == f"{reader.journal_id.hex()}:1"


def test_the_command_writes_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    path, file = written(tmp_path / "journal.db", 30), tmp_path / "out.jsonl"
    ran = bursar("export", "-o", file, "--journal", path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", f"{file}: 30 events\n")
    assert file.read_text() == inside("export", journal=path).stdout
    again = inside("export", "-o", file, "--until", 1, journal=path)
    assert (again.exit_code, "there is such a file already" in again.stderr) == (2, True)
    assert inside("export", "-o", file, "--until", 1, "--force", journal=path).exit_code == 0
    assert len(file.read_text().splitlines()) == 1
    itself = inside("export", "-o", path, "--force", journal=path)
    assert (itself.exit_code, "it is the journal itself" in itself.stderr) == (2, True)
    assert names(tmp_path) == ["journal.db", "journal.db.owner", "out.jsonl"]


def test_damage_in_the_middle_leaves_no_file_and_the_lines_before_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 30)
        bad = Draft(*draft(31)._replace(data="{no json}"))
        journal.append_now([bad], expected=30)
        append(journal, 5)
    ran = bursar("export", "--journal", path)
    assert ran.returncode == 1
    assert len(ran.stdout.splitlines()) == 30
    assert "is damaged at position 31: its data is no JSON" in ran.stderr
    assert inside("export", "-o", tmp_path / "out", journal=path).exit_code == 1
    assert names(tmp_path) == ["journal.db", "journal.db.owner"]
