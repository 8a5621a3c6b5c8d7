"""Where an owner listens, and who gets in."""

import asyncio
import errno
import gc
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.intake.serving import Limits, listening
from bursar.eventstore.intake.sockets import bound
from bursar.eventstore.intake.submissions import Positions, Submission, to_line
from bursar.eventstore.intake.submitting import Submitter
from bursar.eventstore.journal import Journal

from .owners import owning
from .programs import all_of, connected, recorded, said


def test_the_socket_is_for_its_owner_only_and_gone_with_him(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.db"
    file = path.with_name("journal.db.sock")
    old = os.umask(0)
    try:
        with owning(path):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert file.is_socket()
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(old)
    assert not file.exists()


def test_a_file_in_its_way_stays_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    (tmp_path / "journal.db.sock").write_text("mine")
    with pytest.raises(JournalUnusable, match=r"journal\.db\.sock is in the way"), owning(path):
        pass
    assert (tmp_path / "journal.db.sock").read_text() == "mine"
    Journal.open(path).close()


def test_folders_may_be_deeper_than_a_sockets_name_is_long(tmp_path: Path) -> None:
    path = tmp_path / ("deep" * 50) / ("er" * 50) / "journal.db"
    assert len(str(path)) > 300
    with owning(path), Submitter(path) as submitter:
        assert submitter.submit([said()], actor="ann") == (1, 1)
        assert Path(f"{path}.sock").is_socket()
    assert not Path(f"{path}.sock").exists()


def test_a_name_that_no_socket_can_have_is_said_to_be_too_long(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120)
    with pytest.raises(JournalUnusable, match=r"\.sock: AF_UNIX path too long"), owning(path):
        pass


def test_closing_hangs_up_on_those_who_are_silent(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path):
        idle, half = connected(path), connected(path)
        with Submitter(path) as submitter:
            submitter.submit([said()], actor="ann")
        half.sendall(b"{")
    with idle, half:
        assert (all_of(idle), all_of(half)) == (b"", b"")
    assert len(recorded(path)) == 1


def test_what_is_being_taken_when_the_owner_closes_is_still_answered(tmp_path: Path) -> None:
    journal = str(tmp_path / "journal.db")

    async def main() -> None:
        taking, go_on = asyncio.Event(), asyncio.Event()

        async def take(_submission: Submission) -> Positions:
            taking.set()
            await go_on.wait()
            return Positions(3, 4)

        block = listening(journal, take, Limits())
        await block.__aenter__()
        reader, writer = await asyncio.open_unix_connection(f"{journal}.sock")
        writer.write(to_line(Submission("c", "a", [said()])))
        await taking.wait()
        closing = asyncio.ensure_future(block.__aexit__(None, None, None))
        await asyncio.wait([closing], timeout=0)
        go_on.set()
        assert await reader.read() == b'{"first":3,"last":4}\n'
        await closing
        writer.close()

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_who_comes_and_goes_while_the_owner_closes_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def take(_submission: Submission) -> Positions:
        raise AssertionError("nothing was submitted")

    async def main() -> None:
        async with listening(str(path), take):
            await asyncio.to_thread(lambda: connected(path).close())

    for _ in range(30):
        asyncio.run(main())
    gc.collect()  # complains of what was not closed


def test_a_process_that_had_no_files_left_lets_others_in_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    failures = [OSError(errno.EMFILE, "Too many open files")]

    class Exhausted(socket.socket):
        def accept(self) -> Any:
            if failures:
                raise failures.pop()
            return super().accept()

    def exhausted(journal: str) -> socket.socket:
        made = bound(journal)
        return Exhausted(made.family, made.type, fileno=made.detach())

    monkeypatch.setattr("bursar.eventstore.intake.serving.bound", exhausted)
    with owning(path), Submitter(path) as submitter:
        assert submitter.submit([said()], actor="ann") == (1, 1)
    assert failures == []
