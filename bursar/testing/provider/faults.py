"""What can be switched wrong; `Faulty` puts into effect what is wrong with HTTP whatever the provider."""

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .attending import until_gone


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer given instead of the right one."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    #: How often; None for always.
    times: int | None = None


@dataclass(slots=True)
class Faults:
    """Switches; all off. A fault in a stream counts the pieces of the body, whatever they hold."""

    #: What is answered at a path instead: `{"/api/chat": {"status": 503, "body": "busy"}}`.
    refusals: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    #: Paths that take a request and never answer.
    hang: set[str] = field(default_factory=set[str])
    #: After so many pieces of a stream its connection is cut.
    cut_after: int | None = None
    #: After so many pieces a stream falls silent.
    hang_after: int | None = None
    #: After so many pieces come these bytes.
    junk_after: tuple[int, bytes] | None = None
    #: A stream ends without its last word: no `done`, no `[DONE]`.
    no_end: bool = False
    #: No token counts.
    no_usage: bool = False
    #: Loads fail with this text.
    load_error: str | None = None
    #: Memory that a load really takes, of what it should.
    takes_per_mille: int = 1000
    #: The window that is granted at most, in tokens.
    grants_context: int | None = None
    #: Memory that is reported, of what is really taken.
    reports_per_mille: int = 1000
    #: Unloads are acknowledged and do not happen.
    unload_ignored: bool = False
    #: Restoring keys and values reports success, and the next answer computes them anew.
    restore_forgets: bool = False


class Faulty:
    """ASGI middleware for `Faults`."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults
        self._refused: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        refusal = self._due(path)
        if refusal:
            await _answer(send, refusal)
        elif path in self._faults.hang:
            await until_gone(receive)
        else:
            await self._app(scope, receive, _Stream(self._faults, receive, send))

    def _due(self, path: str) -> Refusal | None:
        refusal = self._faults.refusals.get(path)
        given = self._refused.get(path, 0)
        if refusal is None or (refusal.times is not None and given >= refusal.times):
            return None
        self._refused[path] = given + 1
        return refusal


class Cut(Exception):
    """Raised into the server, which closes the connection without another word."""


class _Stream:
    """`send` with the faults of streams; an answer of a single piece is no stream."""

    def __init__(self, faults: Faults, receive: Receive, send: Send) -> None:
        self._faults, self._receive, self._send = faults, receive, send
        self._pieces = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] != "http.response.body" or not message.get("more_body"):
            await self._send(message)
            return
        if self._faults.cut_after is not None and self._pieces >= self._faults.cut_after:
            raise Cut
        if self._faults.hang_after is not None and self._pieces >= self._faults.hang_after:
            await asyncio.get_running_loop().create_future()
        if self._faults.junk_after and self._faults.junk_after[0] == self._pieces:
            await self._send({**message, "body": self._faults.junk_after[1]})
        self._pieces += 1
        await self._send(message)


async def _answer(send: Send, refusal: Refusal) -> None:
    kind = b"application/json" if _is_json(refusal.body) else b"text/html"
    headers = [(b"content-type", kind)]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    start: MutableMapping[str, Any] = {"type": "http.response.start", "status": refusal.status}
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body.encode()})


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
