"""A manager that other processes talk to: it decides on what they state as on everything else, and acts."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.domain.erasure.events import EventRedacted, SubjectForgotten
from bursar.domain.errors import (
    BursarError,
    CommandConflict,
    InvalidModelId,
    JournalNotOwned,
    ManagerClosed,
    NoSuchPosition,
    NotRedactable,
    SubmissionRefused,
)
from bursar.domain.events import Event, Fact
from bursar.domain.host.state import Phase
from bursar.domain.models.events import FreeRequested, ModelLost, ModelUnloaded, PinChanged, UnloadRequested
from bursar.domain.registry import REGISTRY
from bursar.engine.engine import Engine
from bursar.engine.intake import STATABLE, Intake
from bursar.eventstore.intake.submissions import Positions, Statement, Submission
from bursar.eventstore.intake.submitting import Submitter
from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.projections.history import events
from bursar.projections.redecide import redecide
from bursar.projections.replay import replay

from .managers import Instant, managing, queued, statement, told
from .programs import recorded

Work = Callable[[bursar.ResourceManager, Instant], Awaitable[None]]

PIN = PinChanged(model="sim:a", pinned=True)


def manage(path: Path, work: Work) -> list[Event]:
    """Run a manager for the work; everything in its journal, which is as it should be."""

    async def main() -> None:
        async with asyncio.timeout(60), managing(path) as (manager, provider):
            await work(manager, provider)

    asyncio.run(main())
    assert check(path).ok
    with Reader(path) as reader:
        assert redecide(reader).ok
        assert replay(reader).equal
        return list(events(reader))


async def submit(
    path: Path, fact: Fact | Statement, command: str | None = None, actor: str = "ann", durable: bool = False
) -> Positions:
    """State a fact from another thread, which the manager cannot tell from another process."""

    def ask() -> Positions:
        with Submitter(path) as submitter:
            said = fact if isinstance(fact, Statement) else statement(fact)
            return submitter.submit([said], actor=actor, command=command, durable=durable)

    return await asyncio.to_thread(ask)


def engine(manager: bursar.ResourceManager) -> Engine:
    """What the manager's own methods submit to."""
    return manager._engine  # pyright: ignore[reportPrivateUsage]  # nobody else may


def journal(manager: bursar.ResourceManager) -> Journal:
    """What it writes to."""
    store = engine(manager)._journal  # pyright: ignore[reportPrivateUsage]  # nobody else may
    assert isinstance(store, Journal)
    return store


def test_a_manager_acts_on_what_another_process_states(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    answers: list[str] = []

    async def work(manager: bursar.ResourceManager, provider: Instant) -> None:
        await manager.load_model("sim:a")
        assert set(provider.held) == {"a"}
        gone = asyncio.get_running_loop().create_future()
        manager.on(ModelUnloaded, gone.set_result)
        answers.extend(await told(path, PIN, UnloadRequested(model="sim:a")))
        await gone
        assert manager.state.host.pins == {"sim:a": True}
        assert provider.held == {}

    recorded = manage(path, work)
    stated = [event for event in recorded if event.actor == "ann"]
    assert [event.body for event in stated[:2]] == [PIN, UnloadRequested(model="sim:a")]
    # What was decided from it stands behind it, in the same batch.
    pin, unload = (tuple(map(int, answer.split())) for answer in answers)
    assert pin == (stated[0].position, stated[0].position)
    followed = [event for event in recorded if event.cause == unload[0]]
    assert unload == (stated[1].position, followed[-1].position)
    assert [event.body.name for event in followed] == ["ModelDrainStarted", "ModelUnloadStarted"]


def test_what_a_manager_decides_for_itself_is_refused_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    allowed = {fact.name for fact in STATABLE}
    assert allowed == {
        "BreakerSet",
        "ContextForgotten",
        "EventRedacted",
        "FreeRequested",
        "MessagesWanted",
        "PinChanged",
        "SubjectForgotten",
        "UnloadRequested",
    }
    refused: list[str] = []

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        before = manager.state.position
        for (name, version), body in REGISTRY.items():
            if name not in allowed:
                said = Statement(body.kind, name, version, "host", {})
                with pytest.raises(
                    SubmissionRefused, match="a manager takes only these: BreakerSet, Context"
                ):
                    await submit(path, said)
                refused.append(name)
        (answer,) = await told(path, ModelLost(model="sim:a", cause_text="so I say"))
        assert answer == (
            "SUBMISSION_REFUSED events[0].type was refused by the journal's owner: a manager takes only "
            "these: BreakerSet, ContextForgotten, EventRedacted, FreeRequested, MessagesWanted, PinChanged, "
            "SubjectForgotten, UnloadRequested (given: 'ModelLost')"
        )
        with pytest.raises(SubmissionRefused, match="there is no such event"):
            await submit(path, Statement("fact", "PinMoved", 1, "pin/sim:a", {}))
        assert manager.state.position == before

    manage(path, work)
    assert {"ModelLoaded", "MetricsSampled", "SettingsChanged", "RequestArrived", "LeaseGranted"} <= {
        *refused
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "there is no PinChanged version 2"),
        ({"version": 7}, "there is no PinChanged version 7"),
        ({"kind": "decision"}, "it is a fact"),
        ({"subject": "pin/sim:b"}, "it is about pin/sim:a"),
        ({"data": {}}, r"data\.model .*required"),
        ({"data": {"model": "sim:a", "pinned": 1}}, r"data\.pinned .*boolean.*given: 1"),
        ({"data": {"model": "sim:a", "pinned": "yes"}}, "boolean"),
        ({"data": {"model": None, "pinned": True}}, r"data\.model .*string"),
        ({"data": {"model": "sim:a", "pinned": True, "by": "me"}}, r"data\.by .*not permitted"),
        ({"data": {"model": "x" * 5000, "pinned": True}}, "may have 4096 characters"),
    ],
)
def test_a_fact_that_is_not_one_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    path = tmp_path / "journal.db"

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        before = manager.state.position
        with pytest.raises(SubmissionRefused, match=why):
            await submit(path, statement(PIN)._replace(**change))
        assert manager.state.position == before

    manage(path, work)


def test_a_manager_takes_one_fact_at_a_time_and_none_in_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        def both() -> None:
            with Submitter(path) as submitter:
                submitter.submit([statement(PIN), statement(FreeRequested())], actor="ann")

        with pytest.raises(SubmissionRefused, match="one fact at a time"):
            await asyncio.to_thread(both)
        with pytest.raises(SubmissionRefused, match="the manager's own name"):
            await submit(path, PIN, actor="bursar")
        assert manager.state.host.pins == {}

    manage(path, work)


@pytest.mark.parametrize("model", ["sim:nothing", "a", "", "ollama:a", "sim:../a", "sim:a\0"])
def test_a_model_that_nobody_knows_is_not_kept_in_mind(tmp_path: Path, model: str) -> None:
    path = tmp_path / "journal.db"

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        for fact in (PinChanged(model=model, pinned=True), UnloadRequested(model=model)):
            with pytest.raises((InvalidModelId, SubmissionRefused)):
                await submit(path, fact)
        assert manager.state.host.pins == {}

    manage(path, work)


def test_a_retry_is_answered_and_not_decided_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first: list[Positions] = []

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        first.append(await submit(path, PIN, "c"))
        at = manager.state.position
        assert await submit(path, PIN, "c") == first[0]
        for fact, actor in (
            (PinChanged(model="sim:a", pinned=False), "ann"),
            (FreeRequested(), "ann"),
            (PIN, "bob"),
        ):
            with pytest.raises(CommandConflict, match="took command 'c'"):
                await submit(path, fact, "c", actor=actor)
        assert manager.state.position == at
        with pytest.raises(ValueError, match="'c' has been taken"):
            engine(manager).submit(PIN, command="c")

    manage(path, work)

    async def later(manager: bursar.ResourceManager, _provider: Instant) -> None:
        assert await submit(path, PIN, "c") == first[0]
        # The engine is where the journal is, and goes on.
        assert (await submit(path, FreeRequested(), "d")).first == manager.state.position - 1

    manage(path, later)
    assert [record.actor for record in recorded(path)].count("ann") == 2


def test_one_command_that_comes_twice_at_once_is_one_step(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        parts = manager._parts  # pyright: ignore[reportPrivateUsage]  # for what needs no socket
        intake = Intake(parts.engine, journal(manager), parts.reader, parts.directory, parts.shutdown)
        pins = [Submission("c", actor, [statement(PIN)]) for actor in ("ann", "ann", "bob")]
        first, second, other = await asyncio.gather(*map(intake.take, pins), return_exceptions=True)
        assert isinstance(first, Positions)
        assert first == second
        assert isinstance(other, CommandConflict)
        assert await intake.take(pins[0]) == first

    manage(path, work)
    assert [record.type for record in recorded(path)].count("PinChanged") == 1


def test_what_a_subject_was_forgotten_by_is_recorded_by_the_manager(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    forgotten = SubjectForgotten(
        forgotten="0123", destroyed_at=17, bodies=3, stored_bytes=900, because="asked"
    )

    async def work(_manager: bursar.ResourceManager, _provider: Instant) -> None:
        await submit(path, forgotten)

    assert [event.body for event in manage(path, work) if event.actor == "ann"] == [forgotten]


def test_a_redaction_is_recorded_and_done_by_the_manager(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        position = await queued(manager)
        fact = EventRedacted(event=position, because="a name")
        with Reader(path) as reader:
            first = await submit(path, fact, "c")
            record = reader.get(position)
            assert record is not None
            assert record.data is None
            # Whoever wants it again, it is redacted, and once.
            at = manager.state.position
            assert await submit(path, fact, "c") == first
            assert await submit(path, EventRedacted(event=position, because="again")) == first
            assert manager.state.position == at
        with pytest.raises(NotRedactable, match="cannot be redacted"):
            await submit(path, EventRedacted(event=1, because="why"))
        with pytest.raises(NoSuchPosition):
            await submit(path, EventRedacted(event=10**9, because="why"))
        assert manager.state.position == at

    manage(path, work)


def test_a_redaction_that_was_recorded_and_not_done_is_done_when_it_is_wanted_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        position = await queued(manager)
        fact = EventRedacted(event=position, because="a name")
        # As a manager leaves it that is killed between the two.
        by = engine(manager).submit(fact)
        await by.committed
        assert await submit(path, fact) == (by.position, by.position)
        with Reader(path) as reader:
            record = reader.get(position)
        assert record is not None
        assert record.data is None

    manage(path, work)


def test_a_manager_that_is_closing_takes_nothing_and_leaves_no_socket(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work(manager: bursar.ResourceManager, _provider: Instant) -> None:
        async with manager.lease("sim:a"):
            closing = asyncio.ensure_future(manager.close())
            with pytest.raises(ManagerClosed):
                await submit(path, PIN)
            assert manager.state.host.phase is Phase.RUNNING
        await closing
        with pytest.raises(ManagerClosed):
            await submit(path, PIN)

    assert manage(path, work)[-1].body.name == "ManagerStopped"
    assert not Path(f"{path}.sock").exists()
    with pytest.raises(JournalNotOwned):
        asyncio.run(submit(path, PIN))


def test_a_manager_whose_journal_breaks_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        async with managing(path) as (manager, _):
            journal(manager).abandon()
            with pytest.raises(BursarError, match="it has been closed"):
                await submit(path, PIN)

    asyncio.run(main())


def test_a_manager_that_cannot_listen_manages_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.db"
    Path(f"{path}.sock").write_text("mine")

    async def work(manager: bursar.ResourceManager, provider: Instant) -> None:
        await manager.load_model("sim:a")
        assert set(provider.held) == {"a"}

    manage(path, work)
    assert "other processes cannot reach this manager" in caplog.text
