"""The engine: decided at once, acted upon only when it is written."""

import asyncio

import pytest

from bursar.domain.errors import JournalUnusable, ManagerClosed
from bursar.domain.events import Event
from bursar.domain.host.events import ManagerReconciled, ManagerStarted, SettingsChanged, TimerFired
from bursar.domain.kernel import initial
from bursar.domain.models.events import ModelDescribed
from bursar.domain.models.values import RAM, Description
from bursar.domain.requests.events import RequestArrived
from bursar.domain.settings import Settings
from bursar.engine.desk import Desk, error_from
from bursar.engine.engine import DIGEST_EVERY, Engine
from bursar.testing.journal import MemoryJournal
from bursar.testing.simloop import SimLoop, run

STARTED = ManagerStarted(pid=1, host="", code_version="", code_fingerprint="", python="", sqlite="")

MODEL = Description(
    model="m",
    digest="m",
    engine="none",
    device=RAM,
    weights_bytes=1,
    kv_bytes_per_token=0,
    context_tokens=1,
    overhead_bytes=0,
    slots=1,
    provenance="none",
)


def _running(loop: SimLoop, journal: MemoryJournal) -> Engine:
    engine = Engine(journal, initial(), loop)
    for fact in (STARTED, ModelDescribed(description=MODEL), ManagerReconciled()):
        engine.submit(fact)
    return engine


def test_listeners_hear_of_a_step_after_its_commit_and_in_order() -> None:
    async def main(loop: SimLoop) -> None:
        journal = MemoryJournal()
        heard: list[tuple[int, int]] = []
        engine = _running(loop, journal)
        engine.listen(lambda event: heard.append((event.position, len(journal.drafts))))
        receipt = engine.submit(RequestArrived(model="m", purpose="load", agent=""))
        assert heard == []
        assert engine.state.position == receipt.step.events[-1].position
        await receipt.committed
        await asyncio.sleep(0.001)
        assert [position for position, _ in heard] == list(range(1, engine.state.position + 1))
        assert all(written >= position for position, written in heard)

    run(main, seed=1)


def test_when_a_commit_fails_nothing_is_acted_upon_and_everybody_hears_why() -> None:
    async def main(loop: SimLoop) -> None:
        journal = MemoryJournal()
        engine = _running(loop, journal)
        desk = Desk()
        engine.listen(desk.hear)
        engine.on_failure(desk.fail_all)
        await asyncio.sleep(1)
        heard: list[Event] = []
        engine.listen(heard.append)
        journal.break_down()
        receipt = engine.submit(RequestArrived(model="m", purpose="load", agent=""))
        ticket = desk.open(receipt.position, "m")
        with pytest.raises(JournalUnusable):
            await ticket.granted
        with pytest.raises(JournalUnusable):
            await receipt.committed
        with pytest.raises(JournalUnusable):
            engine.submit(SettingsChanged(settings=Settings()))
        assert heard == []

    run(main, seed=1)


def test_durable_facts_are_written_durably_and_others_are_not() -> None:
    async def main(loop: SimLoop) -> None:
        journal = MemoryJournal()
        _running(loop, journal).submit(SettingsChanged(settings=Settings()))
        await asyncio.sleep(1)
        assert journal.durable == [True, False, False, True]

    run(main, seed=1)


def test_a_timer_fires_when_a_deadline_is_due_and_only_then() -> None:
    async def main(loop: SimLoop) -> None:
        journal = MemoryJournal()
        engine = _running(loop, journal)
        engine.submit(RequestArrived(model="m", purpose="load", agent="", deadline_ms=5000))
        await asyncio.sleep(4.9)
        assert len(engine.state.requests) == 1
        await asyncio.sleep(0.2)
        assert not engine.state.requests
        assert [draft.type for draft in journal.drafts].count(TimerFired.name) == 1

    run(main, seed=1)


def test_a_closed_engine_takes_no_step() -> None:
    async def main(loop: SimLoop) -> None:
        engine = _running(loop, MemoryJournal())
        engine.stop()
        with pytest.raises(ManagerClosed):
            engine.submit(ManagerReconciled())

    run(main, seed=1)


def test_the_live_state_is_digested_now_and_then() -> None:
    async def main(loop: SimLoop) -> None:
        journal = MemoryJournal()
        engine = _running(loop, journal)
        for _ in range(DIGEST_EVERY * 2):
            engine.submit(SettingsChanged(settings=Settings()))
        await asyncio.sleep(1)
        digests = [n for n, draft in enumerate(journal.drafts, 1) if draft.type == "StateDigested"]
        assert [gap - DIGEST_EVERY for gap in (digests[0], digests[1] - digests[0])] == [1, 1]

    run(main, seed=1)


def test_a_decision_names_its_error_by_code() -> None:
    error = error_from("QUEUE_FULL", {"waiting": "3", "limit": "2"})
    assert (type(error).__name__, error.values["limit"]) == ("QueueFull", "2")
    assert error_from("OF_A_LATER_VERSION", {"a": "b"}).code == "SYSTEM_ERROR"
