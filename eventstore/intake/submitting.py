"""Appending to a journal that another process owns."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from ...domain.errors import BursarError, JournalConflict, JournalNotOwned, SubmissionUnanswered
from ..identity import StrPath, resolve
from ..owner import owner_pid
from .sockets import connected
from .submissions import LINE_MAX, Positions, Statement, Submission, from_answer, to_line


class Submitter:
    """Sends events to whoever owns a journal, and waits until they are committed. For one thread."""

    def __init__(self, path: StrPath, *, timeout_s: float = 30.0) -> None:
        """`timeout_s`: how long the owner may be silent. Raises JournalUnusable for an impossible name."""
        #: Resolved.
        self.path = resolve(path)
        self._timeout_s = timeout_s
        self._connection: socket.socket | None = None

    def connect(self) -> None:
        """Reach the owner now, and not with the first submission.

        Raises JournalNotOwned, JournalConflict and JournalUnusable, as `submit` does.
        """
        self._connected()

    def submit(
        self, events: Sequence[Statement], *, actor: str, command: str | None = None, durable: bool = False
    ) -> Positions:
        """Have the events appended together; where they stand, now that they are committed.

        `durable`: on the disk itself, too. A manager takes one fact at a time, and the positions are those of
        the fact and of what was decided from it. `command` is an id of the caller's, a new one unless given:
        what was taken under an id before is answered with its old positions. So it is sent again, once, when
        the connection breaks.
        Raises JournalNotOwned when there is no owner, JournalConflict when the owner listens to nobody,
        JournalUnusable when it cannot be reached, SubmissionUnanswered when nobody can tell whether it was
        taken, SubmissionRefused, CommandConflict, and whatever else the owner answers with.
        """
        submission = Submission(os.urandom(16).hex() if command is None else command, actor, events, durable)
        line = to_line(submission)
        connection = self._connected()
        try:
            answer = self._insist(connection, line)
        except (OSError, BursarError) as error:
            raise self._unanswered(submission, error) from error
        try:
            return from_answer(answer)
        except ValueError as error:
            raise self._unanswered(submission, error) from error

    def close(self) -> None:
        """Let go of the connection. Calling it twice is calling it once."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self) -> socket.socket:
        if self._connection is not None and _is_over(self._connection):
            self.close()
        if self._connection is None:
            self._connection = connected(self.path, self._timeout_s)
        if self._connection is None:
            pid = owner_pid(self.path)
            if pid is None:
                raise JournalNotOwned(path=self.path)
            raise JournalConflict(path=self.path, pid=pid)
        return self._connection

    def _insist(self, connection: socket.socket, line: bytes) -> bytes:
        try:
            return _ask(connection, line)
        except ConnectionError:
            self.close()
            return _ask(self._connected(), line)

    def _unanswered(self, submission: Submission, error: Exception) -> SubmissionUnanswered:
        """An answer may still come, and must not be taken for that to another question: hang up."""
        self.close()
        problem = str(error) or type(error).__name__
        return SubmissionUnanswered(path=self.path, command=submission.command, problem=problem)


def _ask(connection: socket.socket, line: bytes) -> bytes:
    # When it hangs up in the middle it may have said why.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(line)
    answer = b""
    while not answer.endswith(b"\n"):
        piece = connection.recv(LINE_MAX)
        if not piece:
            raise ConnectionResetError("the connection broke")
        answer += piece
    return answer


def _is_over(connection: socket.socket) -> bool:
    """Whether the other side has hung up: as long as nothing was asked it has nothing else to say."""
    timeout_s = connection.gettimeout()
    connection.settimeout(0)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(timeout_s)
    return True
