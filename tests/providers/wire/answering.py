"""A server that gives one answer to whatever it is asked, byte for byte."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import Message, Receive, Scope, Send

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.port import Http
from bursar.testing.provider.serving import serving


@dataclass(slots=True)
class Answering:
    """An ASGI application; what happens after its last piece is its `end`."""

    pieces: Sequence[bytes]
    status: int = 200
    kind: str = "text/event-stream"
    end: Literal["well", "late", "cut", "open"] = "well"
    #: The bodies of the requests that came.
    asked: list[Any] = field(default_factory=list[Any])
    #: The connections they came on.
    connections: set[Any] = field(default_factory=set[Any])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.connections.add(scope["client"])
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        self.asked.append(json.loads(body or b"null"))
        headers = [(b"content-type", self.kind.encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for piece in self.pieces:
            await send(_part(piece, more=True))
        if self.end == "cut":
            raise ConnectionAbortedError
        if self.end == "open":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if self.end == "late":
            # Turns of the loop enough for the pieces to have been read on the other side.
            for _ in range(100):
                await asyncio.sleep(0)
        await send(_part(b"", more=False))


def _part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


@asynccontextmanager
async def answering(app: Answering) -> AsyncGenerator[Http, None]:
    """A client of such a server."""
    async with asyncio.timeout(30), serving(app) as server:
        http = HttpClient(server.url)
        try:
            yield http
        finally:
            await http.close()
