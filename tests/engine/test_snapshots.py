"""Snapshots are kept now and then, and never in anybody's way."""

import asyncio
from pathlib import Path

import pytest

from bursar.adapters.clock import SystemClock
from bursar.domain.host.events import ManagerReconciled
from bursar.domain.kernel import initial, step
from bursar.domain.state import STATE_VERSION, State
from bursar.engine.engine import Engine
from bursar.engine.snapshots import ASSUMED_NS, AT_ONCE, WORTH_NS, Keeper
from bursar.eventstore.snapshots import SnapshotStore
from bursar.projections.history import state_from_json, to_draft
from bursar.projections.snapshots import NAME, Restored
from bursar.testing.journal import MemoryJournal
from bursar.testing.simloop import SimLoop, run

from ..contexts.domain.support import begun, said


def _saved(store: SnapshotStore) -> int | None:
    found = store.load(NAME, STATE_VERSION, None)
    return found.position if found else None


def _found(position: int = 0, event_ns: int | None = None) -> Restored:
    """What a start came to; the state does not matter to the keeper."""
    return Restored(initial(), position, event_ns)


def test_one_is_kept_when_folding_on_would_take_long_and_all_is_committed(tmp_path: Path) -> None:
    async def main(loop: SimLoop) -> None:
        store = SnapshotStore(tmp_path / "views", lambda position: b"leaf" if position else None)
        engine = Engine(MemoryJournal(), initial(), loop)
        measured: list[int] = []

        def measure(state: State) -> int:
            measured.append(state.position)
            return WORTH_NS // 50

        keeper = Keeper(store, _found(event_ns=WORTH_NS // 30), measure)
        for _ in range(29):
            keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert (_saved(store), measured) == (None, [])
        for _ in range(20):
            keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert (_saved(store), measured) == (None, [0]), "it was measured once, and was cheaper"
        last = engine.submit(ManagerReconciled()).step.fact
        engine.submit(ManagerReconciled())
        keeper.hear(engine, last)
        assert _saved(store) is None, "there is more that is not committed"
        keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert _saved(store) == engine.state.position == 52
        for _ in range(50):
            keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert (_saved(store), measured) == (102, [0, 52])

    run(main, seed=1)


def test_a_start_that_took_long_is_kept_at_once(tmp_path: Path) -> None:
    """What counts is the snapshot that a start went on from, and not where it got to."""

    async def main(loop: SimLoop) -> None:
        store = SnapshotStore(tmp_path / "views", lambda _position: b"leaf")
        engine = Engine(MemoryJournal(), initial(), loop)
        for _ in range(10):
            engine.submit(ManagerReconciled())
        keeper = Keeper(store, _found(position=3, event_ns=WORTH_NS // 7), lambda _state: None)
        keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert _saved(store) == 11

    run(main, seed=1)


def test_what_cannot_be_measured_is_taken_to_be_slow(tmp_path: Path) -> None:
    async def main(loop: SimLoop) -> None:
        store = SnapshotStore(tmp_path / "views", lambda _position: b"leaf")
        enough = WORTH_NS // ASSUMED_NS
        engine = Engine(MemoryJournal(), initial(), loop)
        while engine.state.position < enough - 2:
            engine.submit(ManagerReconciled())
        keeper = Keeper(store, _found(), lambda _state: None)
        keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert _saved(store) is None
        keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert _saved(store) == enough

    run(main, seed=1)


def test_a_folder_that_cannot_be_written_stops_nobody_and_is_logged_off_stdout(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "views").write_text("a file where the folder should be")
    store = SnapshotStore(tmp_path / "views", lambda _position: b"leaf")
    Keeper(store, _found(), lambda _state: None).save(step(initial(), ManagerReconciled(), at=1).state)
    assert _saved(store) is None
    assert "no snapshot could be saved" in caplog.text
    assert capsys.readouterr().out == ""


def test_a_long_one_is_written_beside_and_the_last_one_is_waited_for(tmp_path: Path) -> None:
    world = begun(max_messages=10**6, terms={"window_tokens": 10**9})
    long, started = world.state, step(initial(), ManagerReconciled(), at=1).fact
    for number in range((AT_ONCE + 1) * 128):
        long = step(long, said("assistant" if number % 2 else "user"), at=world.now).state

    async def main() -> None:
        store = SnapshotStore(tmp_path / "views", lambda _position: b"leaf")
        keeper = Keeper(store, Restored(long, 0, WORTH_NS), lambda _state: None)
        journal = MemoryJournal()
        filler = [to_draft(started)._replace(correlation=number + 1) for number in range(long.position)]
        await journal.append(filler, expected=0, durable=False)
        engine = Engine(journal, long, SystemClock(long.at))
        keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert _saved(store) is None, "its thread has not been given a turn yet"
        first = engine.state
        keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        await keeper.finish(engine.state)
        assert _saved(store) == engine.state.position == first.position + 1
        found = store.load(NAME, STATE_VERSION, None)
        assert found is not None
        assert state_from_json(found.body) == engine.state

    asyncio.run(main())
