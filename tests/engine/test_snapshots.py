"""Snapshots are kept now and then, and never in anybody's way."""

from pathlib import Path

import pytest

from bursar.domain.host.events import ManagerReconciled
from bursar.domain.kernel import initial, step
from bursar.domain.state import STATE_VERSION
from bursar.engine.engine import Engine
from bursar.engine.snapshots import EVERY, Keeper
from bursar.eventstore.snapshots import SnapshotStore
from bursar.projections.snapshots import NAME
from bursar.testing.journal import MemoryJournal
from bursar.testing.simloop import SimLoop, run


def _saved(store: SnapshotStore) -> int | None:
    found = store.load(NAME, STATE_VERSION, None)
    return found.position if found else None


def test_one_is_kept_when_enough_has_been_written_and_all_of_it_is_committed(tmp_path: Path) -> None:
    async def main(loop: SimLoop) -> None:
        store = SnapshotStore(tmp_path / "views", lambda position: b"leaf" if position else None)
        engine = Engine(MemoryJournal(), initial(), loop)
        keeper = Keeper(store, 0)
        last = [engine.submit(ManagerReconciled()).step.fact for _ in range(EVERY)][-1]
        early = step(initial(), ManagerReconciled(), at=1).fact
        keeper.hear(engine, early)
        assert _saved(store) is None
        engine.submit(ManagerReconciled())
        keeper.hear(engine, last)
        assert _saved(store) is None
        keeper.hear(engine, engine.submit(ManagerReconciled()).step.fact)
        assert _saved(store) == engine.state.position

    run(main, seed=1)


def test_a_folder_that_cannot_be_written_stops_nobody_and_is_logged_off_stdout(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "views").write_text("a file where the folder should be")
    store = SnapshotStore(tmp_path / "views", lambda _position: b"leaf")
    Keeper(store, 0).save(step(initial(), ManagerReconciled(), at=1).state)
    assert _saved(store) is None
    assert "no snapshot could be saved" in caplog.text
    assert capsys.readouterr().out == ""
