"""A client: what it is answered, and what it does when it is not."""

import json
import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bursar.domain.errors import (
    CommandConflict,
    JournalConflict,
    JournalNotOwned,
    JournalUnusable,
    SubmissionUnanswered,
)
from bursar.eventstore.intake.submitting import Submitter
from bursar.eventstore.journal import Journal

from .owners import owning
from .programs import recorded, said


def test_what_is_submitted_is_one_batch_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    clock = iter([50, 70])
    with owning(path, clock_ns=lambda: next(clock)), Submitter(path) as submitter:
        assert submitter.submit([said(1), said(2, kind="decision")], actor="ann") == (1, 2)
        assert submitter.submit([said(3, type="Änderung", subject="a/ü")], actor="bob") == (3, 3)
    assert [tuple(record) for record in recorded(path)] == [
        (1, "fact", "Said", 1, "host", 50, None, 1, "ann", '{"n":1}'),
        (2, "decision", "Said", 1, "host", 50, None, 1, "ann", '{"n":2}'),
        (3, "fact", "Änderung", 1, "a/ü", 70, None, 3, "bob", '{"n":3}'),
    ]


def test_time_does_not_go_back_when_the_clock_does(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    clock = iter([1000, 10, 2000])
    with owning(path, clock_ns=lambda: next(clock)), Submitter(path) as submitter:
        for number in range(3):
            submitter.submit([said(number)], actor="ann")
    assert [record.at for record in recorded(path)] == [1000, 1000, 2000]


def test_the_same_id_is_the_same_submission_or_a_conflict(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path), Submitter(path) as one, Submitter(path) as other:
        first = one.submit([said(1), said(2)], actor="ann", command="c")
        assert one.submit([said(3)], actor="ann") == (3, 3)
        assert other.submit([said(1), said(2)], actor="ann", command="c") == first == (1, 2)
        for events, actor in (([said(1), said(7)], "ann"), ([said(1)], "ann"), ([said(1), said(2)], "bob")):
            with pytest.raises(CommandConflict, match="'c' at positions 1 to 2") as conflict:
                other.submit(events, actor=actor, command="c")
            assert conflict.value.path == str(path)
    with owning(path), Submitter(path) as later:
        assert later.submit([said(1), said(2)], actor="ann", command="c") == (1, 2)
    assert len(recorded(path)) == 3


def test_what_was_to_be_durable_is_on_the_disk_when_it_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path) as journal, Submitter(path) as submitter:
        for number in range(5):
            _, last = submitter.submit([said(number)], actor="ann", durable=True)
            assert journal.hardened >= last


def test_the_owner_itself_goes_on_appending(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path), Submitter(path) as submitter:
        submitter.submit([said(1)], actor="ann")
    with Journal.open(path) as journal, Submitter(path) as submitter:
        with pytest.raises(JournalConflict) as refused:
            submitter.submit([said(2)], actor="ann")
        assert refused.value.pid == os.getpid()
        assert journal.head == 1


def test_where_nobody_owns_the_journal_a_client_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Submitter(path) as submitter:
        with pytest.raises(JournalNotOwned, match="own it yourself"):
            submitter.submit([said()], actor="ann")
        assert list(tmp_path.iterdir()) == []
        Journal.open(path).close()
        with pytest.raises(JournalNotOwned):
            submitter.submit([said()], actor="ann")


def test_a_client_outlives_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Submitter(path) as submitter:
        for number in range(1, 4):
            with owning(path):
                assert submitter.submit([said(number)], actor="ann") == (number, number)
            with pytest.raises(JournalNotOwned):
                submitter.submit([said(number)], actor="ann")


@contextmanager
def pretending(path: Path, *answers: Callable[[bytes], bytes | None]) -> Generator[list[bytes]]:
    """An owner that answers each line, or hangs up for None, as long as it has answers; the lines it got."""
    Journal.open(path).close()
    lines: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"{path}.sock")
        listening.listen()
        listening.settimeout(30)

        def serve() -> None:
            connection = None
            for answer in answers:
                connection = connection or listening.accept()[0]
                with connection.makefile("rb") as incoming:
                    lines.append(incoming.readline())
                said_back = answer(lines[-1])
                if said_back is None:
                    connection.close()
                    connection = None
                else:
                    connection.sendall(said_back)
            if connection is not None:
                connection.recv(1)  # until the client hangs up
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield lines
        finally:
            thread.join()
            Path(f"{path}.sock").unlink()


def hang_up(_line: bytes) -> None:
    return None


def test_a_submission_whose_answer_was_lost_is_sent_again_under_its_id(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with (
        pretending(path, hang_up, lambda _: b'{"first":7,"last":7}\n') as lines,
        Submitter(path) as submitter,
    ):
        assert submitter.submit([said()], actor="ann") == (7, 7)
    first, second = lines
    assert first == second
    assert len(json.loads(first)["command"]) == 32


def test_it_is_sent_again_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with (
        pretending(path, hang_up, hang_up) as lines,
        Submitter(path) as submitter,
        pytest.raises(SubmissionUnanswered, match=r"'c'.*under the same id"),
    ):
        submitter.submit([said()], actor="ann", command="c")
    assert len(lines) == 2


@pytest.mark.parametrize("answer", [b"", b'{"first":', b"later\n", b"[]\n"])
def test_what_is_no_answer_leaves_it_open_whether_it_was_taken(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "journal.db"
    with (
        pretending(path, lambda _: answer),
        Submitter(path, timeout_s=0.05) as submitter,
        pytest.raises(SubmissionUnanswered),
    ):
        submitter.submit([said()], actor="ann")


def test_a_late_answer_is_not_taken_for_another(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with owning(path), Submitter(path) as submitter:
        submitter.submit([said(1)], actor="ann")
        connection = submitter._connection  # pyright: ignore[reportPrivateUsage]  # for what no client does
        assert connection is not None
        # Somebody was interrupted here, before he had his answer.
        connection.sendall(b"\n")
        assert connection.recv(1, socket.MSG_PEEK)
        assert submitter.submit([said(2)], actor="ann") == (2, 2)


def test_another_file_is_not_taken_for_the_owners_socket(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    Path(f"{path}.sock").write_text("")
    with Submitter(path) as submitter, pytest.raises(JournalUnusable, match="not the socket of its owner"):
        submitter.submit([said()], actor="ann")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_socket_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with pretending(path), Submitter(path) as submitter:
        os.chown(f"{path}.sock", 4242, 4242)
        with pytest.raises(JournalUnusable, match="not the socket of its owner"):
            submitter.submit([said()], actor="ann")
