"""Commands that write, while a manager owns the journal: it writes for them."""

import asyncio
import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.erasure.events import EventRedacted, SubjectForgotten
from bursar.domain.errors import CircuitOpen
from bursar.domain.resilience.events import BreakerSet
from bursar.eventstore.bodies.store import BodyStore
from bursar.eventstore.intake.submitting import Submitter
from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record
from bursar.projections.history import to_event

from ..cli.calling import bursar, inside
from .managers import managing, queued, told
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


def test_a_breaker_is_set_while_a_manager_owns_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        async with managing(path) as (manager, _):
            await manager.load_model("sim:a")
            arguments = ("breaker", "sim", "--json", "--journal", path)
            ran = await asyncio.to_thread(inside, *arguments, "--set", "forced_open")
            assert (ran.exit_code, ran.stderr) == (0, "")
            assert json.loads(ran.stdout)[0]["state"] == "forced_open"
            with pytest.raises(CircuitOpen, match="an operator wants it so"):
                await manager.lease("sim:a").__aenter__()
            await asyncio.to_thread(inside, *arguments, "--set", "closed")
            async with manager.lease("sim:a"):
                pass
            # Its provider is configured, or nobody is meant.
            wrong = BreakerSet(provider="nobody", state="disabled")
            (answer,) = await told(path, wrong)
            assert "there is none of that name (known: sim)" in answer

    asyncio.run(main())
    assert check(path).ok


def test_a_model_is_unloaded_by_the_manager_that_owns_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        async with managing(path) as (manager, provider):
            await manager.load_model("sim:a")
            gone = asyncio.Event()
            manager.on("modelUnloaded", lambda _event: gone.set())
            ran = await asyncio.to_thread(inside, "unload", "sim:a", "--journal", path)
            assert (ran.exit_code, ran.stderr) == (0, "")
            assert [line.split()[1:3] for line in ran.stdout.splitlines()] == [
                ["ModelDrainStarted", "sim:a:"],
                ["ModelUnloadStarted", "sim:a:"],
            ]
            await gone.wait()
            assert provider.held == {}
            again = await asyncio.to_thread(inside, "unload", "sim:a", "--json", "--journal", path)
            assert json.loads(again.stdout)["decided"] == []
            unknown = await asyncio.to_thread(inside, "unload", "sim:nothing", "--journal", path)
            assert (unknown.exit_code, "sim:nothing" in unknown.stderr) == (2, True)

    asyncio.run(main())
    nobody = inside("unload", "sim:a", "--journal", path)
    assert nobody.exit_code == 2
    assert "start a manager" in nobody.stderr
