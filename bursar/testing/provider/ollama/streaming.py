"""Answers that come in pieces, for as long as there is somebody to take them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ..attending import unless_gone
from .bodies import Refused


class Streamed(Response):
    """Pieces of a body; a `Refused` instead of the first is an answer with its status."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], media_type: str, refuse: Callable[[Refused], Response]
    ) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces, self._refuse = pieces, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes, and close the generator whatever happens."""
        async with aclosing(self._pieces):
            await unless_gone(receive, self._send(scope, receive, send))

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            piece = await anext(self._pieces)
        except Refused as refused:
            await self._refuse(refused)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def refusing(refused: Refused) -> JSONResponse:
    """The native form of an error."""
    return JSONResponse({"error": refused.text}, refused.status)
