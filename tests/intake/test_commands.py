"""Commands that write, while a manager owns the journal: it writes for them."""

import asyncio
import getpass
import json
from pathlib import Path
from typing import Any

from bursar.domain.erasure.events import EventRedacted, SubjectForgotten
from bursar.eventstore.bodies.store import BodyStore
from bursar.eventstore.intake.submitting import Submitter
from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record
from bursar.projections.history import to_event

from ..cli.calling import bursar, inside
from .managers import managing, queued
from .programs import finish, own, said


def only(path: Path, event_type: str) -> Record:
    with Reader(path) as reader:
        (record,) = reader.read(types=[event_type])
        return record


def test_an_event_is_redacted_by_the_manager_that_owns_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    documents: list[dict[str, Any]] = []

    async def main() -> None:
        async with managing(path) as (manager, _):
            position = await queued(manager)
            arguments = ("redact", position, "--reason", "a name", "--yes", "--json", "--journal", path)
            ran = await asyncio.to_thread(bursar, *arguments)
            assert (ran.returncode, ran.stderr) == (0, "")
            again = await asyncio.to_thread(inside, *arguments)
            documents.extend((json.loads(ran.stdout), json.loads(again.stdout)))

    asyncio.run(main())
    by = only(path, "EventRedacted")
    position = documents[0]["position"]
    assert documents[0] == {"position": position, "type": "RequestQueued", "by": by.position, "again": False}
    assert documents[1] == {**documents[0], "again": True}
    assert to_event(by).body == EventRedacted(event=position, because="a name")
    assert by.actor == getpass.getuser()
    with Reader(path) as reader:
        record = reader.get(position)
    assert record is not None
    assert record.data is None
    assert check(path).ok


def test_a_subject_is_forgotten_while_a_manager_owns_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        async with managing(path):
            with BodyStore.open(path) as bodies:
                bodies.put("ann", "a text of hers")
            for _ in range(2):
                ran = await asyncio.to_thread(inside, "forget", "ann", "--yes", "--journal", path)
                assert (ran.exit_code, ran.stderr) == (0, "")

    asyncio.run(main())
    fact = to_event(only(path, "SubjectForgotten")).body
    assert isinstance(fact, SubjectForgotten)
    assert fact.bodies == 1
    assert check(path).ok


def test_an_owner_that_only_appends_is_not_said_to_have_redacted(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with own(path) as owner:
        with Submitter(path) as submitter:
            submitter.submit([said(type="RequestQueued")], actor="ann")
        ran = inside("redact", 1, "--reason", "a name", "--yes", "--journal", path)
        assert ran.exit_code == 2
        assert "the journal's owner has recorded it (#2) and not done it" in ran.stderr
        finish(owner)


def test_nothing_is_erased_when_nobody_could_write_it_down(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path), BodyStore.open(path) as bodies:
        address = bodies.put("ann", "a text of hers")
        ran = inside("forget", "ann", "--yes", "--journal", path)
        assert ran.exit_code == 2
        assert "is owned by process" in ran.stderr
        assert bodies.get("ann", address) == b"a text of hers"
