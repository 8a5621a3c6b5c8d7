"""What servers with one model and routers have in common: keys, records of requests, errors as answers."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ..attending import ClientGone
from ..world import World
from . import refusing
from .endpoints import Call
from .refusing import Refused

#: Open to whoever has no key.
_PUBLIC = ("/health", "/v1/health")


class Front:
    """ASGI application that hands calls to `serve`."""

    def __init__(self, world: World, key: str | None, serve: Callable[[Call], Awaitable[ASGIApp]]) -> None:
        self._world, self._key, self._serve = world, key, serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        try:
            answer = await self._answer(request, raw, receive)
        except Refused as refused:
            answer = refused.answer()
        except ClientGone:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request, raw: bytes, receive: Receive) -> ASGIApp:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self._world.requests.append((request.method, target, _loosely(raw)))
        if not self._admits(request):
            raise refusing.no_key()
        query = dict(request.query_params)
        return await self._serve(Call(request.method, request.url.path, query, _strictly(raw), receive))

    def _admits(self, request: Request) -> bool:
        if self._key is None or request.url.path in _PUBLIC:
            return True
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._key in (given, request.headers.get("x-api-key"))


def _loosely(raw: bytes) -> object:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw


def _strictly(raw: bytes) -> dict[str, Any]:
    if not raw:
        return {}
    try:
        body: object = json.loads(raw)
    except ValueError as problem:
        raise refusing.invalid(f"[json.exception.parse_error.101] parse error: {problem}") from None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
