"""Views: as far as they say, of the journal they say, and there or not, whatever happens."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.errors import ViewBehind, ViewUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.views.connections import connect
from bursar.eventstore.views.upkeep import Upkeep
from bursar.eventstore.views.view import View

from ..eventstore.helpers import ROOT, append_soon, line
from .listing import LISTING, MEMORY, files, grow, told

#: Brings the view up to date in small steps until it has come to a position.
BUILDER = """
import sys
from bursar.eventstore.views.upkeep import Upkeep
from tests.views.listing import LISTING
with Upkeep(sys.argv[1], LISTING, batch=7) as upkeep:
    print("ready", flush=True)
    while upkeep.catch_up() < int(sys.argv[2]):
        pass
"""


def _catch_up(path: Path, *, rest: bool = True) -> int:
    with Upkeep(path, LISTING) as upkeep:
        position = upkeep.catch_up()
        if rest:
            upkeep.rest()
        return position


def _names(path: Path) -> list[str]:
    """Of the files in the folder."""
    return sorted(file.name for file in Path(files(path).folder).iterdir())


def _checkpoint(path: Path) -> tuple[int, str]:
    """Position and mark."""
    serving = files(path)
    with closing(connect(serving.path(serving.live()), writing=False)) as connection:
        position, boot = connection.execute("SELECT position, boot FROM checkpoint").fetchall()[0]
        return int(str(position)), str(boot)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["grow", "all", "some", "rest", "rebuild"])), max_size=10
    ),
    batch=st.integers(1, 30),
)
@settings(max_examples=25)
def test_several_at_the_same_view_make_one_of_them(steps: list[tuple[int, str]], batch: int) -> None:
    """Two of them, in any order, while the journal grows: nothing twice, nothing left out, never ahead."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "journal.db"
        grow(path, 20)
        with Upkeep(path, LISTING, batch=batch) as one, Upkeep(path, LISTING, batch=batch) as other:
            for which, what in steps:
                upkeep = (one, other)[which]
                if what == "grow":
                    grow(path, 13)
                elif what == "some":
                    next(upkeep.steps())
                elif what == "rest":
                    upkeep.rest()
                elif what == "rebuild":
                    upkeep.rebuild()
                else:
                    upkeep.catch_up()
                told(path)
            head = one.catch_up()
            assert told(path) == list(range(1, head + 1))


def test_a_crash_at_any_moment_leaves_the_old_or_the_new() -> None:
    """A build for the first time, a catch-up and a rebuild, killed before each thing they do."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        command = [sys.executable, "-m", "tests.views.crashing", folder]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    points = [int(points) for points in done.stdout.split()]
    assert len(points) == 3 and min(points) > 15


def test_two_processes_and_a_rebuild_at_once_do_not_spoil_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 300)
    builders = [
        subprocess.Popen(
            [sys.executable, "-c", BUILDER, path, "1500"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(2)
    ]
    for builder in builders:
        assert line(builder) == "ready"
    with Upkeep(path, LISTING, batch=50) as upkeep:
        for _ in range(4):
            grow(path, 300)
            upkeep.rebuild()
            told(path)
    for builder in builders:
        with builder:
            pass
        assert builder.returncode == 0
    _catch_up(path)
    assert told(path) == list(range(1, 1501))


def test_it_goes_as_far_as_it_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 100)
    reached: list[tuple[int, int]] = []
    with Upkeep(path, LISTING, batch=30) as upkeep:
        assert upkeep.catch_up(70, lambda position, wanted: reached.append((position, wanted))) == 70
        assert reached == [(30, 70), (60, 70), (70, 70)]
        assert told(path) == list(range(1, 71))
        assert upkeep.catch_up(10) == 70
        assert upkeep.catch_up(1000) == 100


def test_it_takes_the_types_it_is_interested_in(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 10)
    some = replace(LISTING, name="some", types=("T1",))
    with Upkeep(path, some, batch=4) as upkeep:
        assert upkeep.catch_up() == 10
    assert told(path, some) == [1, 4, 7, 10]


def test_it_never_gets_ahead_of_what_is_committed(tmp_path: Path) -> None:
    async def main(journal: Journal) -> None:
        await append_soon(journal)
        with Upkeep(journal.path, LISTING) as upkeep:
            waiting = append_soon(journal)
            assert upkeep.catch_up() == journal.committed == 1
            await waiting
            assert upkeep.catch_up() == 2

    with Journal.open(tmp_path / "journal.db") as journal:
        asyncio.run(main(journal))


def test_an_empty_journal_has_an_empty_view(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path):
        pass
    assert _catch_up(path) == 0
    assert told(path) == []
    grow(path, 3)
    assert _catch_up(path) == 3
    assert files(path).builds() == [1]


def test_the_checkpoint_does_not_go_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 10)
    _catch_up(path)
    with closing(connect(files(path).path(1), writing=True)) as connection:
        with pytest.raises(apsw.ConstraintError, match="does not go back"):
            connection.execute("UPDATE checkpoint SET position = 9")
        with pytest.raises(apsw.ConstraintError, match="has a checkpoint"):
            connection.execute("DELETE FROM checkpoint")


def test_a_view_serves_while_it_is_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 100)
    _catch_up(path)
    grow(path, 20)
    seen: list[list[int] | None] = []
    with Reader(path) as reader, closing(View(reader, "listing", 1)) as view:
        assert view.position() == 100
        with Upkeep(path, LISTING, batch=50) as upkeep:
            assert upkeep.rebuild(lambda _position, _wanted: seen.append(told(path))) == 120
        assert seen == [list(range(1, 101))] * 3
        assert view.position() == 120
    assert told(path) == list(range(1, 121))
    assert _names(path) == ["listing@1.2.db", "listing@1.db"]


def test_who_was_at_the_old_build_goes_on_with_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 50)
    with Upkeep(path, LISTING, batch=10) as old, Upkeep(path, LISTING) as new:
        old.catch_up()
        grow(path, 50)
        steps = old.steps()
        assert next(steps) == (60, 100)
        new.rebuild()
        assert list(steps)[-1] == (100, 100)
        grow(path, 5)
        assert old.catch_up() == 105
    assert told(path) == list(range(1, 106))


def test_what_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 100)
    with Upkeep(path, LISTING, batch=30) as upkeep:
        steps = upkeep.steps()
        assert [next(steps), next(steps)] == [(30, 100), (60, 100)]
        del steps
    assert told(path) is None
    with Upkeep(path, LISTING, batch=30) as upkeep:
        assert next(upkeep.steps()) == (90, 100)
    assert _catch_up(path) == 100
    assert told(path) == list(range(1, 101))


def _another_journal(path: Path) -> None:
    path.unlink()
    grow(path, 60)


def _another_history(path: Path) -> None:
    (path.with_name("earlier.db")).replace(path)
    grow(path, 60, mark="other")


def _shorter(path: Path) -> None:
    (path.with_name("earlier.db")).replace(path)


def _garbage(path: Path) -> None:
    Path(files(path).path(1)).write_bytes(b"garbage" * 1000)


def _emptied(path: Path) -> None:
    Path(files(path).path(1)).write_bytes(b"")


def _another_layout(path: Path) -> None:
    with closing(connect(files(path).path(1), writing=True)) as connection:
        connection.pragma("user_version", 99)


def _power_cut(path: Path) -> None:
    """After which nobody knows what of the unsynced writes is there."""
    with closing(connect(files(path).path(1), writing=True)) as connection:
        connection.execute("UPDATE checkpoint SET boot = 'the one before'")


@pytest.mark.parametrize(
    "spoil",
    [_another_journal, _another_history, _shorter, _garbage, _emptied, _another_layout, _power_cut],
)
def test_a_view_that_cannot_be_trusted_is_not_there_and_is_built_again(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "journal.db"
    grow(path, 40)
    shutil.copy(path, tmp_path / "earlier.db")
    grow(path, 20)
    _catch_up(path, rest=False)
    assert told(path) == list(range(1, 61))
    spoil(path)
    assert told(path) is None
    head = _catch_up(path)
    assert told(path) == list(range(1, head + 1))
    assert files(path).builds() == [2]


def test_a_view_that_turns_out_to_be_damaged_is_built_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 3000)
    _catch_up(path)
    file = Path(files(path).path(1))
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"x" * (len(whole) - 8192))
    grow(path, 10)
    assert _catch_up(path) == 3010
    assert told(path) == list(range(1, 3011))
    assert files(path).builds() == [2]


def test_a_view_at_rest_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    grow(path, 10)
    _catch_up(path)
    assert _checkpoint(path) == (10, "")
    monkeypatch.setattr("bursar.eventstore.views.checkpoint.boot", lambda: "another")
    monkeypatch.setattr("bursar.eventstore.views.upkeep.boot", lambda: "another")
    assert told(path) == list(range(1, 11))
    grow(path, 1)
    assert _catch_up(path, rest=False) == 11
    assert _checkpoint(path) == (11, "another")
    assert files(path).builds() == [1]


def test_an_older_version_stays_for_a_day(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 10)
    _catch_up(path)
    newer = replace(LISTING, version=2)
    with Upkeep(path, newer) as upkeep:
        upkeep.catch_up()
        assert told(path) == told(path, newer) == list(range(1, 11))
        os.utime(files(path, newer).link, (0, 0), follow_symlinks=False)
    with Upkeep(path, newer) as upkeep:
        upkeep.catch_up()
    assert told(path) is None
    assert _names(path) == ["listing@2.1.db", "listing@2.db"]


def test_whoever_wrote_can_wait_for_the_view_to_tell(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 10)
    with Reader(path) as reader, closing(View(reader, "listing", 1)) as view:
        with pytest.raises(ViewBehind, match=r"listing@1 is at position 0 and did not come to 10 within 0 s"):
            view.wait_for(10, timeout_s=0)
        catching_up = threading.Thread(target=_catch_up, args=(path,))
        catching_up.start()
        view.wait_for(10, timeout_s=60)
        catching_up.join()
        assert view.position() == 10


def test_a_view_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 10)
    Path(files(path).folder).write_text("a file where the folder should be")
    with pytest.raises(ViewUnusable, match=r"listing@1\.db cannot be written"):
        _catch_up(path)
