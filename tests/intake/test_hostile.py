"""Whatever comes through the socket, it is answered or hung up on, and the owner serves everybody else."""

import asyncio
import json
import os
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from bursar.domain.errors import SubmissionRefused
from bursar.eventstore.intake.serving import Limits, listening
from bursar.eventstore.intake.submissions import LINE_MAX, Positions, Submission, from_answer, to_line
from bursar.eventstore.intake.submitting import Submitter
from bursar.eventstore.proof.verify import check

from .owners import owning
from .programs import all_of, connected, recorded, said


def require_unharmed(path: Path, before: int = 0) -> None:
    """Somebody else is served, and nothing but his event was appended."""
    with Submitter(path) as submitter:
        assert submitter.submit([said()], actor="somebody else") == (before + 1, before + 1)
    assert check(path).ok


def refused(answer: bytes) -> str:
    """What an answer says that refuses something; it is one line."""
    assert answer.count(b"\n") == 1
    with pytest.raises(SubmissionRefused) as error:
        from_answer(answer)
    return str(error.value)


def send_until_hung_up_on(connection: socket.socket, piece: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        while True:
            connection.sendall(piece)


@pytest.mark.parametrize(
    "line", [b"", b"null", b"\xff\xfe\x00", os.urandom(1000).replace(b"\n", b""), b"[" * 100_000, b"{" * 1000]
)
def test_a_line_that_says_nothing_is_answered_and_the_next_is_taken(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal.db"
    with owning(path), connected(path) as connection:
        connection.sendall(line + b"\n" + to_line(Submission("c", "a", [said()])))
        connection.shutdown(socket.SHUT_WR)
        first, second, end = all_of(connection).split(b"\n")
        assert refused(first + b"\n")
        assert (json.loads(second), end) == ({"first": 1, "last": 1}, b"")
        require_unharmed(path, 1)


def test_a_line_may_be_as_long_as_is_said_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    size = LINE_MAX - len(to_line(Submission("c", "a", [said(data={"x": ""})])))
    longest = to_line(Submission("c", "a", [said(data={"x": "y" * size})]))
    assert len(longest) == LINE_MAX
    with owning(path), connected(path) as connection:
        connection.sendall(longest)
        assert json.loads(connection.recv(100)) == {"first": 1, "last": 1}
        connection.sendall(longest.replace(b"yy", b"yyy", 1))
        assert "the line was refused" in refused(all_of(connection))
        require_unharmed(path, 1)


def test_a_line_without_an_end_is_not_waited_for_until_memory_is_full(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path), connected(path) as connection:
        send_until_hung_up_on(connection, b"x" * LINE_MAX)
        assert f"may have {LINE_MAX} bytes" in refused(all_of(connection))
        require_unharmed(path)


def test_half_a_line_and_silence_is_hung_up_on_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path, limits=Limits(line_s=0.05)), connected(path) as connection:
        connection.sendall(b'{"command":')
        assert "its end did not come within 0.05 s" in refused(all_of(connection))
        require_unharmed(path)


def test_silence_is_hung_up_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path, limits=Limits(idle_s=0.05)), connected(path) as connection:
        assert all_of(connection) == b""
        require_unharmed(path)


def test_half_a_submission_is_none(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    whole = to_line(Submission("c", "a", [said()]))
    with owning(path):
        for length in (1, len(whole) // 2, len(whole) - 1):
            with connected(path) as connection:
                connection.sendall(whole[:length])
                connection.shutdown(socket.SHUT_WR)
                assert all_of(connection) == b""
        require_unharmed(path)


def test_who_does_not_read_his_answers_is_hung_up_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path, limits=Limits(line_s=0.05)), connected(path) as connection:
        send_until_hung_up_on(connection, b"\n" * (1 << 16))
        require_unharmed(path)


def test_who_asks_without_a_pause_does_not_keep_others_waiting(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    served: list[str] = []

    async def take(submission: Submission) -> Positions:
        served.append(submission.actor)
        return Positions(1, 1)

    async def main() -> None:
        async with listening(str(path), take):
            # All of it lies ready before the owner looks for the first time.
            with connected(path) as greedy, connected(path) as modest:
                greedy.sendall(to_line(Submission("c", "greedy", [said()])) * 200)
                modest.sendall(to_line(Submission("c", "modest", [said()])))
                assert await asyncio.to_thread(modest.recv, 100)

    asyncio.run(main())
    assert served.index("modest") < 20


def test_there_are_so_many_connections_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    line = to_line(Submission("c", "a", [said()]))
    with owning(path), ExitStack() as stack:
        served = [stack.enter_context(connected(path)) for _ in range(32)]
        for connection in served:
            connection.sendall(line)
            assert json.loads(connection.recv(100)) == {"first": 1, "last": 1}
        for _ in range(8):
            with connected(path) as turned_away:
                assert "no more are taken than are open" in refused(all_of(turned_away))
        with Submitter(path) as late, pytest.raises(SubmissionRefused, match="given: 32"):
            late.submit([said()], actor="late")
        served.pop().close()
        with Submitter(path) as later:
            while True:
                try:
                    assert later.submit([said()], actor="later") == (2, 2)
                except SubmissionRefused:
                    continue  # the owner has not noticed yet
                break
    assert len(recorded(path)) == 2
