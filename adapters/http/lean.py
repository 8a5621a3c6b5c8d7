"""The transport we use: a pool of connections to one address, and nothing between it and the sockets.

httpx takes about 0.8 ms for a call, and with 50 at a time several (benchmarks, `http`).
"""

import asyncio
from collections.abc import Mapping

from .address import Address
from .connecting import Connector
from .connection import Connection
from .failures import ConnectFailed, ConnectionBroken, TimedOut
from .limits import Caps, Connections, Timeouts
from .parsing import Parser
from .port import Headers
from .transport import Outgoing, Patience

#: A server that had closed a connection says so as soon as it hears of a request on it.
_STALE_S = 1.0


class LeanTransport:
    """Keeps connections for the next request, and is bounded in their number and in those who wait."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        caps: Caps,
        connections: Connections,
    ) -> None:
        self._connector = Connector(address, timeouts.connect_s)
        self._timeouts, self._caps, self._connections = timeouts, caps, connections
        lines = [f"Host: {address.authority}", *(f"{name}: {value}" for name, value in headers.items())]
        self._url, self._headers = address.url, "".join(f"{line}\r\n" for line in lines).encode("latin-1")
        self._free = asyncio.Semaphore(connections.most)
        self._waiting = 0
        self._all: set[Connection] = set()
        #: The one used last is last, and used next.
        self._spares: list[Connection] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, request: Outgoing, patience: Patience) -> "LeanExchange":
        """Send, and return once the headers are there."""
        if self._closed:
            raise ConnectFailed(f"the client of {self._url} is closed")
        await self._take_turn(patience)
        try:
            return await self._ask(request, patience)
        except BaseException:
            self._free.release()
            raise

    def release(self, connection: Connection) -> None:
        """An exchange is over."""
        if connection.finish():
            self._keep(connection)
        self._free.release()

    async def close(self) -> None:
        """Close every connection; requests under way fail."""
        self._closed = True
        if self._sweep:
            self._sweep.cancel()
        for connection in tuple(self._all):
            connection.abort()

    async def _take_turn(self, patience: Patience) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        pool_s = self._timeouts.pool_s
        if self._waiting >= self._connections.waiting:
            raise TimedOut("pool", 0)
        loop = asyncio.get_running_loop()
        until = patience.until(loop.time(), pool_s)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        except TimeoutError as late:
            raise patience.over(loop.time(), "pool", pool_s) from late
        finally:
            self._waiting -= 1

    async def _ask(self, request: Outgoing, patience: Patience) -> "LeanExchange":
        """Try a connection that was kept; when it turns out to be stale, a new one.

        A server may close a connection just when we send on it; llama.cpp's closes it after every stream,
        without a word. That a request was not taken up can only be concluded: nothing of an answer has come,
        on a connection that had been used before, and it broke within a second, as one does that had been
        closed on the other side. Then it is sent again, once, POSTs included.

        What this could do wrong is to ask twice a server that took the request up, crashed within the second,
        and runs again. A chat costs it the work of that second; and a load is no second one, because a server
        that has just started holds nothing.
        """
        loop = asyncio.get_running_loop()
        text = self._text(request)
        if spare := self._spare():
            begin = loop.time()
            try:
                return await self._exchange(spare, request, text, patience)
            except ConnectionBroken as broken:
                if broken.answered or loop.time() - begin > _STALE_S or self._closed:
                    raise
            # Those that were used longer ago are no fresher.
            self._drop(len(self._spares))
        connection = Connection(self._forget, self._caps.headers)
        await self._connector.connect(connection, patience)
        if self._closed:
            connection.abort()
        self._all.add(connection)
        return await self._exchange(connection, request, text, patience)

    async def _exchange(
        self, connection: Connection, request: Outgoing, text: bytes, patience: Patience
    ) -> "LeanExchange":
        try:
            return LeanExchange(self, connection, await connection.ask(request.method, text, patience))
        except BaseException:
            connection.abort()
            raise

    def _text(self, request: Outgoing) -> bytes:
        first = f"{request.method} {request.target} HTTP/1.1\r\n".encode("ascii")
        if request.body is None:
            # Some servers wait for the body of a POST that does not say it has none.
            length = b"Content-Length: 0\r\n" if request.method in {"POST", "PUT"} else b""
            return b"%b%b%b\r\n" % (first, self._headers, length)
        entity = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(request.body)
        return b"%b%b%b%b" % (first, self._headers, entity, request.body)

    def _spare(self) -> Connection | None:
        """The connection that was used last, unless it has been kept for too long."""
        while self._spares:
            spare = self._spares.pop()
            if (
                spare.usable
                and asyncio.get_running_loop().time() - spare.spare_since < self._connections.spare_s
            ):
                return spare
            spare.abort()
        return None

    def _keep(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.spare_since = loop.time()
        self._spares.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._connections.spare_s, self._expire)

    def _expire(self) -> None:
        """Close those that nobody has used for too long; the longest unused are first."""
        self._sweep = None
        loop = asyncio.get_running_loop()
        limit = loop.time() - self._connections.spare_s
        self._drop(sum(spare.spare_since <= limit for spare in self._spares))
        if self._spares:
            until = self._spares[0].spare_since + self._connections.spare_s
            self._sweep = loop.call_at(until, self._expire)

    def _drop(self, count: int) -> None:
        for spare in self._spares[:count]:
            spare.abort()
        del self._spares[:count]

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._spares:
            self._spares.remove(connection)


class LeanExchange:
    """An answer on one of the connections."""

    __slots__ = ("_connection", "_transport", "headers", "status")

    def __init__(self, transport: LeanTransport, connection: Connection, parser: Parser) -> None:
        self._transport = transport
        self._connection: Connection | None = connection
        self.status = parser.status
        self.headers: Headers = parser.headers

    async def piece(self) -> bytes:
        """The next bytes of its body."""
        if self._connection is None:
            raise ConnectionBroken("the answer was left before its end", answered=True)
        return await self._connection.piece()

    async def end(self) -> None:
        """Give the connection back; it is closed unless the answer was complete."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.release(connection)
