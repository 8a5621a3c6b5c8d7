"""What a journal's owner takes from other processes, at the socket beside the journal.

They are processes of the same user, and may be broken or worse all the same: nothing they do holds up the
owner for long or fills its memory. So many connections there are and no more, each has one line and one
answer under way, and who says nothing, or does not listen, is hung up on.
"""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ...domain.errors import BursarError, SubmissionRefused
from ..journal import Journal
from ..records import Draft
from .plain import refused
from .sockets import bound, remove
from .submissions import (
    LINE_MAX,
    Positions,
    Submission,
    canonical,
    from_line,
    to_answer,
    to_refusal,
    too_long,
)

#: Appends what was submitted, or raises an error of ours; the positions when it is committed.
Take = Callable[[Submission], Awaitable[Positions]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may ask of an owner."""

    connections: int = 32
    #: Between one answer and the next request.
    idle_s: float = 300.0
    #: From the first byte of a line to its last, and for an answer to be read.
    line_s: float = 10.0


_LIMITS = Limits()
#: Before somebody is let in after the process had no files left for him.
_PAUSE_S = 0.1


@asynccontextmanager
async def serve_appends(
    journal: Journal, *, clock_ns: Callable[[], int] = time.time_ns, limits: Limits = _LIMITS
) -> AsyncGenerator[None]:
    """Append what other processes submit, for a block; they use `submitting.Submitter`.

    Each submission is one batch at the head: uncaused, a flow of its own, dated now. What the events mean is
    the senders' affair. Raises JournalUnusable when there can be no socket beside the journal.
    """

    async def take(submission: Submission) -> Positions:
        batch = _drafts(submission, journal.head + 1, max(clock_ns(), journal.at))
        last = await journal.append(
            batch, expected=journal.head, durable=submission.durable, command=submission.command
        )
        return Positions(last - len(batch) + 1, last)

    async with listening(journal.path, take, limits):
        yield


@asynccontextmanager
async def listening(journal: str, take: Take, limits: Limits = _LIMITS) -> AsyncGenerator[None]:
    """Pass on what is submitted at the socket beside the journal at this resolved path, for a block.

    Only for the journal's owner. What is being taken when the block ends is still answered.
    Raises JournalUnusable.
    """
    listener = bound(journal)
    try:
        intake = _Intake(listener, take, limits)
        try:
            yield
        finally:
            await intake.close()
    finally:
        listener.close()
        remove(journal)


class _Intake:
    """All connections."""

    def __init__(self, listener: socket.socket, take: Take, limits: Limits) -> None:
        """Begin to listen."""
        self._listener = listener
        self._take = take
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._connections: set[asyncio.Task[None]] = set()
        #: Those for which something is being taken.
        self._taking: set[asyncio.Task[Any] | None] = set()
        self._closing = False
        listener.setblocking(False)
        listener.listen()
        self._listen()

    async def close(self) -> None:
        """Hang up on everybody, as soon as they have their answers."""
        self._closing = True
        self._loop.remove_reader(self._listener)
        for task in self._connections - self._taking:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
            # Transports close in the turn after they are told to.
            await asyncio.sleep(0)

    def _listen(self) -> None:
        # Not `start_unix_server`: a connection that it is about to make when it is closed is never closed.
        if not self._closing:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Begin with a connection, or turn it away."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            # The process may open no more files for now; asked again at once, the loop would do nothing else.
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_PAUSE_S, self._listen)
            return
        connection.setblocking(False)
        count = len(self._connections)
        if count >= self._limits.connections:
            problem = "no more are taken than are open now; close one, or try again later"
            with connection, suppress(OSError):
                connection.send(to_refusal(refused("the connection", problem, count)))
            return
        task = self._loop.create_task(self._serve(connection), name="bursar intake")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # Of one that was cancelled before it began nobody else would close it.
        task.add_done_callback(lambda _task: connection.close())

    async def _serve(self, connection: socket.socket) -> None:
        # A line's first byte is read alone, and its end is not counted.
        reader, writer = await asyncio.open_connection(sock=connection, limit=LINE_MAX - 2)
        try:
            with suppress(ConnectionError, TimeoutError):
                await self._converse(reader, writer)
                writer.close()
                async with asyncio.timeout(self._limits.line_s):
                    await writer.wait_closed()
        finally:
            # Who has not read his answers by now does not want them.
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One line after another, each answered before the next is read.

        Raises TimeoutError for who says nothing or does not listen, ConnectionError.
        """
        while not self._closing:
            try:
                line = await self._line(reader)
            except SubmissionRefused as error:
                # Where the next line begins nobody knows.
                writer.write(to_refusal(error))
                return
            if line is None:
                return
            writer.write(await self._answer(line))
            async with asyncio.timeout(self._limits.line_s):
                await writer.drain()
            # Neither reading nor writing waits where nothing stops them, and others want their turn.
            await asyncio.sleep(0)

    async def _line(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next line without its end; None when there is none.

        Raises SubmissionRefused for one that does not end, TimeoutError for one that does not begin.
        """
        async with asyncio.timeout(self._limits.idle_s):
            first = await reader.read(1)
        if first in {b"", b"\n"}:
            return None if not first else b""
        try:
            async with asyncio.timeout(self._limits.line_s):
                rest = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as error:
            raise too_long(first + await reader.read(100)) from error
        except TimeoutError as error:
            seconds = self._limits.line_s
            raise refused("the line", f"its end did not come within {seconds} s", first) from error
        return first + rest[:-1]

    async def _answer(self, line: bytes) -> bytes:
        task = asyncio.current_task()
        try:
            submission = from_line(line)
            self._taking.add(task)
            return to_answer(await self._take(submission))
        except BursarError as error:
            return to_refusal(error)
        finally:
            self._taking.discard(task)


def _drafts(submission: Submission, first: int, at: int) -> list[Draft]:
    """The batch that stands at `first` when it is appended."""
    return [
        Draft(
            kind=event.kind,
            type=event.type,
            version=event.version,
            subject=event.subject,
            at=at,
            cause=None,
            correlation=first,
            actor=submission.actor,
            data=canonical(event.data),
        )
        for event in submission.events
    ]
