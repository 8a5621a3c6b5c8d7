"""Answers that notice when nobody listens any more, and then give back what they hold."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.types import Receive, Scope, Send

from ..attending import ClientGone, unless_gone


class Events:
    """ASGI application: server-sent events, with a comment as a sign of life where they are late."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], ping_s: float) -> None:
        self._pieces, self._ping_s = pieces, ping_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with suppress(ClientGone):
            await unless_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        async with aclosing(self._pieces), aclosing(_with_pings(self._pieces, self._ping_s)) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _with_pings(pieces: AsyncGenerator[bytes, None], ping_s: float) -> AsyncGenerator[bytes, None]:
    while True:
        coming = asyncio.ensure_future(anext(pieces, None))
        try:
            while not (await asyncio.wait({coming}, timeout=ping_s))[0]:
                yield b":\n\n"
        finally:
            coming.cancel()
            await asyncio.wait({coming})
        piece = coming.result()
        if piece is None:
            return
        yield piece
