"""Ways to ask the same thing. Each returns how much came: bytes of a whole answer, or events of a stream."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, cast

import httpx

from bursar.adapters.http.client import HttpClient

PATH = "/v1/models"
CHAT = "/v1/chat/completions"
REQUEST = {
    "model": "llama",
    "stream": True,
    "messages": [{"role": "user", "content": "Tell me about the bursars of Oxford. " * 12}],
}


class Client(Protocol):
    """One of those that are compared."""

    async def whole(self) -> int:
        """Ask for a small answer; return its bytes."""
        ...

    async def stream(self) -> int:
        """Ask for a stream; return the number of its events."""
        ...


class Bursar:
    """`HttpClient`, over its own transport or one of httpx."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def whole(self) -> int:
        """Ask for a small answer."""
        return len((await self._http.request("GET", PATH)).body)

    async def stream(self) -> int:
        """Ask for a stream."""
        async with self._http.stream("POST", CHAT, json=REQUEST) as answer:
            return len([event async for event in answer.events()])


class Httpx:
    """httpx as its manual shows it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def whole(self) -> int:
        """Ask for a small answer."""
        return len((await self._http.get(PATH)).content)

    async def stream(self) -> int:
        """Ask for a stream."""
        async with self._http.stream("POST", CHAT, json=REQUEST) as response:
            return len([line async for line in response.aiter_lines() if line.startswith("data:")])


class Bare:
    """Sockets and nothing else: no parsing, it counts what it knows will come."""

    def __init__(self, connections: asyncio.LifoQueue["_Wire"]) -> None:
        self._connections = connections
        body = json.dumps(REQUEST, separators=(",", ":"))
        self._get = f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        self._post = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    async def whole(self) -> int:
        """Ask for a small answer."""
        answer = await self._ask(self._get, b"]}")
        return len(answer) - answer.index(b"\r\n\r\n") - 4

    async def stream(self) -> int:
        """Ask for a stream."""
        return (await self._ask(self._post, b"\r\n0\r\n\r\n")).count(b"data:")

    async def _ask(self, request: bytes, end: bytes) -> bytes:
        wire = self._connections.get_nowait()
        try:
            return await wire.ask(request, end)
        finally:
            self._connections.put_nowait(wire)


class _Wire(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._data.endswith(self._end):
            self._answer.set_result(bytes(self._data))

    async def ask(self, request: bytes, end: bytes) -> bytes:
        self._data, self._end = bytearray(), end
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.abort()


@asynccontextmanager
async def bare(url: str) -> AsyncGenerator[Client, None]:
    """Bare sockets, more than are ever used at a time."""
    loop = asyncio.get_running_loop()
    port = int(url.rpartition(":")[2])
    connections: asyncio.LifoQueue[_Wire] = asyncio.LifoQueue()
    wires = [(await loop.create_connection(_Wire, "127.0.0.1", port))[1] for _ in range(64)]
    for wire in wires:
        connections.put_nowait(wire)
    try:
        yield Bare(connections)
    finally:
        for wire in wires:
            wire.close()


@asynccontextmanager
async def ours(url: str) -> AsyncGenerator[Client, None]:
    """The client that adapters have."""
    http = HttpClient(url)
    try:
        yield Bursar(http)
    finally:
        await http.close()


@asynccontextmanager
async def ours_over_httpx(url: str) -> AsyncGenerator[Client, None]:
    """The same over httpx's transport, without the rest of httpx."""
    http = HttpClient(url, transport=httpx.AsyncHTTPTransport(trust_env=False, limits=_LIMITS))
    try:
        yield Bursar(http)
    finally:
        await http.close()


@asynccontextmanager
async def plain_httpx(url: str) -> AsyncGenerator[Client, None]:
    """httpx, with as many connections as ours."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, limits=_LIMITS) as http:
        yield Httpx(http)


_LIMITS = httpx.Limits(max_connections=128, max_keepalive_connections=128)

#: By the name in the table.
CLIENTS: dict[str, Callable[[str], AbstractAsyncContextManager[Client]]] = {
    "bare sockets": bare,
    "bursar": ours,
    "bursar over httpx": ours_over_httpx,
    "httpx": plain_httpx,
}
