"""What happens to a request before it is served, and while its answer is streamed."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ..world import World
from .refusing import Refused, wrong_key

Handler = Callable[[Request, dict[str, Any]], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Intake:
    """Records every request, and refuses those without the key where one is set."""

    def __init__(
        self, world: World, key: str | None = None, refused: Callable[[str], Refused] = wrong_key
    ) -> None:
        self._world, self._key, self._refused = world, key, refused

    def taken(self, handler: Handler) -> Endpoint:
        """An endpoint that serves by `handler`."""

        async def endpoint(request: Request) -> Response:
            body = await _body(request)
            path = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
            self._world.requests.append((request.method, path, body))
            self._world.changed()
            try:
                self._check(request)
                return await handler(request, body)
            except Refused as refused:
                return refused.answer()

        return endpoint

    def _check(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._key is not None and given != self._key:
            raise self._refused(given)


class Held(StreamingResponse):
    """A stream during which something is held, whether it ends well or its reader goes."""

    def __init__(
        self, content: AsyncGenerator[bytes, None], hold: AbstractAsyncContextManager[object], media_type: str
    ) -> None:
        super().__init__(content, media_type=media_type)
        self._hold = hold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._hold:
            await super().__call__(scope, receive, send)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON that came; an empty object for everything else."""
    try:
        body: Any = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
