"""Servers that say exactly what a test wants, byte by byte."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.limits import CAPS, CONNECTIONS, Caps, Connections, Timeouts

#: Far longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 20
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#: Long enough not to go off by itself where the test is not about time.
TIMEOUTS = Timeouts(pool_s=10, connect_s=10, idle_s=10, total_s=10)


@dataclass
class Talk:
    """One connection, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[bytes]
    sent_bytes: int = 0
    #: The script has ended, mostly because the client has gone.
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self) -> bytes:
        """The next request, head and body."""
        request = await self.reader.readuntil(b"\r\n\r\n")
        for line in request.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                request += await self.reader.readexactly(int(value))
        self.heard.append(request)
        return request

    async def say(self, *pieces: bytes) -> None:
        """Send, and let the other side read, after each piece."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            self.sent_bytes += len(piece)

    async def gone(self) -> None:
        """Wait until the other side has closed the connection."""
        with suppress(OSError):
            while await self.reader.read(1024):
                pass

    def reset(self) -> None:
        """End it as a process does that is killed: RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Talk], Awaitable[None]]


@dataclass
class Server:
    """What it has heard."""

    url: str
    talks: list[Talk] = field(default_factory=list[Talk])
    heard: list[bytes] = field(default_factory=list[bytes])


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server, None]:
    """Run `script` for each connection, and close it after that. What the script raises fails the test."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(reader, writer, server.heard)
        server.talks.append(talk)
        try:
            await script(talk)
        finally:
            writer.close()
            talk.ended.set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(serve(reader, writer)))

    listener = await asyncio.start_server(begin, "127.0.0.1", ssl=tls)
    port: int = listener.sockets[0].getsockname()[1]
    server = Server(f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    # A client that has gone is what some of the tests are about.
    gone = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
    assert [outcome for outcome in outcomes if outcome and not isinstance(outcome, gone)] == []


@asynccontextmanager
async def asking(
    script: Script,
    *,
    timeouts: Timeouts = TIMEOUTS,
    caps: Caps = CAPS,
    connections: Connections = CONNECTIONS,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[tuple[HttpClient, Server], None]:
    """Such a server, and a client for it."""
    async with serving(script) as server:
        client = HttpClient(
            server.url, headers=headers, timeouts=timeouts, caps=caps, connections=connections
        )
        try:
            yield client, server
        finally:
            await client.close()


def answering(*pieces: bytes) -> Script:
    """Say this to the first request, and close."""

    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(*pieces)

    return script


async def answering_each(talk: Talk) -> None:
    """Say ok to every request."""
    while True:
        await talk.hear()
        await talk.say(OK)


def hanging(*pieces: bytes) -> Script:
    """Say this to the first request, and no more."""

    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(*pieces)
        await talk.gone()

    return script


def unknown(host: object, *_arguments: object, **_options: object) -> list[object]:
    """In place of `socket.getaddrinfo`, where nobody knows the name."""
    raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not known")


def within_patience(test: Callable[[], Coroutine[object, object, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test()

    asyncio.run(bounded())
