"""One connection: a request after the other, and what came of the answers so far."""

import asyncio
from collections.abc import Callable
from typing import cast

from .failures import ConnectionBroken, HttpFailure, Wait
from .parsing import Parser
from .transport import Patience

#: More than this is not read ahead of who takes it (one read of asyncio's, 256 KiB, may come on top).
_AHEAD_BYTES = 64 << 10


class Connection(asyncio.Protocol):
    """Reads into a bounded store, and wakes the one who waits for it.

    There is one timer for each answer, not for each wait: it looks when it goes off whether the wait of that
    moment has lasted too long. A timer for each piece of a stream would cost as much as reading it.
    """

    def __init__(self, lost: Callable[["Connection"], None], headers_cap: int) -> None:
        #: Since when it has nothing to do.
        self.spare_since = 0.0
        self._lost, self._headers_cap = lost, headers_cap
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Parser | None = None
        self._failure: HttpFailure | None = None
        self._pieces: list[bytes] = []
        self._ahead = 0
        self._paused = False
        self._patience = Patience(None, None)
        self._wait: Wait = "headers"
        self._since = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- what the pool asks --------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a request may be sent on it."""
        return self._failure is None and self._transport is not None and not self._transport.is_closing()

    async def ask(self, method: str, request: bytes, patience: Patience) -> Parser:
        """Send, and return once the headers of the answer are there; they are in what is returned."""
        if self._transport is None:
            raise ConnectionBroken("the connection does not stand", answered=False)
        self._parser = parser = Parser(method, self._headers_cap)
        self._patience = patience
        self._transport.write(request)
        begin = self._loop.time()
        while not parser.begun:
            await self._more("headers", begin)
        return parser

    async def piece(self) -> bytes:
        """What has come of the body since the last call, or comes next; empty once it is complete."""
        deadline = self._patience.deadline
        if deadline is not None and self._loop.time() >= deadline:
            raise self._patience.over(deadline, "total", None)
        while not self._pieces:
            if self._parser is None or self._parser.done:
                return b""
            await self._more("idle", self._loop.time())
        pieces, self._pieces, self._ahead = self._pieces, [], 0
        self._resume()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def finish(self) -> bool:
        """The answer is done with. Return whether another request may follow; close the connection if not."""
        parser, self._parser = self._parser, None
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._pieces, self._ahead = [], 0
        sent = self._transport is not None and not self._transport.get_write_buffer_size()
        if parser and parser.done and parser.reusable and sent and self.usable:
            # The last bytes of this answer may have paused reading; for the next one nobody would resume it.
            self._resume()
            return True
        self.abort()
        return False

    def abort(self) -> None:
        """Close it at once."""
        if self._transport:
            self._transport.abort()

    # --- what the loop calls -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        # An `isinstance` would be wrong on uvloop, whose transports are no subclasses.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came for who takes it."""
        parser = self._parser
        if parser is None:
            # Nobody has asked for anything: whatever it is, the next answer must not begin with it.
            self._fail(ConnectionBroken("it sent more than its answer", answered=True))
            return
        try:
            body = parser.feed(data)
        except HttpFailure as failure:
            self._fail(failure)
            return
        if body:
            self._pieces.append(body)
            self._ahead += len(body)
            if self._ahead > _AHEAD_BYTES and not self._paused and self._transport:
                self._paused = True
                self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """The server sends no more; the transport closes itself after that."""
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._ended(exc)
        self._lost(self)

    # --- inside --------------------------------------------------------------------------------------------

    def _ended(self, problem: Exception | None) -> None:
        try:
            if self._parser is not None:
                self._parser.end()
            failure = ConnectionBroken("the connection is closed", answered=False)
        except ConnectionBroken as broken:
            failure = broken
            if problem is not None:
                failure = ConnectionBroken(f"{broken} ({problem})", answered=broken.answered)
        self._fail(failure)

    def _fail(self, failure: HttpFailure) -> None:
        """The first failure counts; what has come before it is still handed out."""
        if self._failure is None:
            self._failure = failure
        self.abort()
        self._wake()

    def _resume(self) -> None:
        if self._paused and self._transport:
            self._paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self, wait: Wait, since: float) -> None:
        """Wait until something has come. Raises the failure of the connection, or `TimedOut`."""
        if self._failure is not None:
            raise self._failure
        self._wait, self._since = wait, since
        self._waiter = self._loop.create_future()
        if self._timer is None:
            self._arm()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _arm(self) -> None:
        until = self._patience.until(self._since, self._patience.idle_s)
        self._timer = None if until is None else self._loop.call_at(until, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        until = self._patience.until(self._since, self._patience.idle_s)
        now = self._loop.time()
        # The loop may call a little early: by the resolution of its clock.
        if until is not None and now + 0.001 >= until:
            self._waiter.set_exception(self._patience.over(now + 0.001, self._wait, self._patience.idle_s))
        else:
            self._arm()
