"""`bursar redact`: what an event said is gone, that it happened stays, and nothing else changes."""

import json
from pathlib import Path

import pytest

from bursar.domain.erasure.events import EventRedacted, Redacted
from bursar.domain.erasure.redaction import REDACTABLE
from bursar.domain.registry import REGISTRY
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record
from bursar.projections.history import to_event
from bursar.projections.replay import replay

from ..bodies.texts import files_with
from ..projections.world import evicting
from .calling import bursar, inside


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    evicting(path).close()
    return path


def first(journal: Path, event_type: str) -> Record:
    with Reader(journal) as reader:
        return next(reader.read(types=[event_type]))


def test_the_data_is_gone_from_every_file_and_the_rest_stays(journal: Path, tmp_path: Path) -> None:
    before = first(journal, "RequestQueued")
    assert before.data is not None
    assert files_with(tmp_path, before.data.encode()) == ["journal.db"]
    ran = bursar("redact", before.position, "--reason", "a name", "--yes", "--journal", journal)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"#{before.position} RequestQueued is redacted (#48)\n"
    assert files_with(tmp_path, before.data.encode()) == []
    after = first(journal, "RequestQueued")
    assert after == before._replace(data=None)
    assert to_event(after).body == Redacted(type="RequestQueued", schema_version=1, about=before.subject)
    told = to_event(first(journal, "EventRedacted")).body
    assert told == EventRedacted(event=before.position, because="a name")


def test_the_tree_and_every_replay_are_what_they_were(journal: Path) -> None:
    position = first(journal, "RequestQueued").position
    assert inside("redact", position, "--reason", "why", "--yes", journal=journal).exit_code == 0
    assert check(journal).ok
    with Reader(journal) as reader:
        found = replay(reader)
    assert (found.equal, found.compared) == (True, 2)


def test_a_second_time_changes_nothing(journal: Path) -> None:
    position = first(journal, "RequestQueued").position
    documents = [
        json.loads(inside("redact", position, "--reason", "why", "--yes", "--json", journal=journal).stdout)
        for _ in range(2)
    ]
    assert documents[0] == {"position": position, "type": "RequestQueued", "by": 48, "again": False}
    assert documents[1] == {**documents[0], "again": True}
    with Reader(journal) as reader:
        assert reader.head() == 48


@pytest.mark.parametrize("event_type", ["RequestArrived", "ModelLoaded", "SettingsChanged", "StateDigested"])
def test_what_a_replay_needs_is_refused(journal: Path, event_type: str) -> None:
    position = first(journal, event_type).position
    ran = inside("redact", position, "--reason", "why", "--yes", journal=journal)
    assert ran.exit_code == 2
    assert f"event {position}, {event_type}, cannot be redacted: a replay needs" in ran.output
    with Reader(journal) as reader:
        assert reader.head() == 47


def test_the_record_of_a_redaction_is_not_redacted(journal: Path) -> None:
    position = first(journal, "RequestQueued").position
    assert inside("redact", position, "--reason", "why", "--yes", journal=journal).exit_code == 0
    ran = inside("redact", 48, "--reason", "cover up", "--yes", journal=journal)
    assert (ran.exit_code, "it is the record of what was erased" in ran.output) == (2, True)


def test_what_is_not_there_is_refused(journal: Path) -> None:
    ran = inside("redact", 4711, "--reason", "why", "--yes", journal=journal)
    assert (ran.exit_code, "there is no event at position 4711" in ran.output) == (2, True)
    assert inside("redact", 0, "--reason", "why", "--yes", journal=journal).exit_code == 2


def test_a_reason_is_needed(journal: Path) -> None:
    ran = inside("redact", 5, "--yes", journal=journal)
    assert (ran.exit_code, "Missing option '--reason'" in ran.output) == (2, True)


def test_only_types_that_there_are_can_be_redacted() -> None:
    assert {name for name, _ in REGISTRY} >= REDACTABLE
