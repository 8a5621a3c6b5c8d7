"""The routes of all three families, and who may use them."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..faults import Faulty
from ..world import World
from . import completions, conversation, downloads, legacy, native, refusing, responses
from .calls import Call
from .refusing import Refused
from .studio import Studio
from .switches import Switches

Handler = Callable[[Call], Awaitable[Response]]

_V1: dict[tuple[str, str], Handler] = {
    ("GET", "/api/v1/models"): native.models,
    ("POST", "/api/v1/models/load"): native.load,
    ("POST", "/api/v1/models/unload"): native.unload,
    ("POST", "/api/v1/models/download"): downloads.download,
    ("GET", "/api/v1/models/download/status/{job}"): downloads.status,
    ("POST", "/api/v1/chat"): conversation.chat,
}
_OLDER: dict[tuple[str, str], Handler] = {
    ("GET", "/api/v0/models"): legacy.models,
    ("GET", "/api/v0/models/{id:path}"): legacy.model,
    ("POST", "/api/v0/chat/completions"): completions.chat,
    ("POST", "/api/v0/completions"): completions.text,
    ("POST", "/api/v0/embeddings"): completions.embeddings,
    ("GET", "/v1/models"): legacy.openai_models,
    ("POST", "/v1/chat/completions"): completions.chat,
    ("POST", "/v1/completions"): completions.text,
    ("POST", "/v1/embeddings"): completions.embeddings,
    ("POST", "/v1/responses"): responses.create,
}


def build(world: World, switches: Switches | None = None) -> ASGIApp:
    """A server for a world; `switches` may be turned while it runs, `v1` included."""
    studio = Studio(world, switches or Switches())
    table = [*_V1.items(), *_OLDER.items()]
    routes = [Route("/lmstudio-greeting", _greeting, methods=["GET"])]
    routes += [Route(path, _endpoint(studio, handler), methods=[method]) for (method, path), handler in table]
    routes.append(Route("/{path:path}", _nowhere(studio), methods=["GET", "POST", "PUT", "DELETE", "PATCH"]))
    return Faulty(Starlette(routes=routes), world.faults)


async def _greeting(request: Request) -> Response:
    return JSONResponse({"lmstudio": True})


def _endpoint(studio: Studio, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        path = request.url.path
        body = await _body(request)
        studio.world.requests.append((request.method, path, body))
        studio.world.changed()
        if path.startswith("/api/v1/") and not studio.switches.v1:
            return refusing.unexpected(request.method, path, studio.switches.unknown_endpoint)
        try:
            _admit(request, studio.switches.token)
            return await handler(Call(studio, path, body, request.path_params))
        except Refused as refused:
            return refused.answer(path, studio.switches.errors)

    return endpoint


def _nowhere(studio: Studio) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return refusing.unexpected(request.method, request.url.path, studio.switches.unknown_endpoint)

    return endpoint


def _admit(request: Request, token: str | None) -> None:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token is not None and not secrets.compare_digest(given.encode(), token.encode()):
        raise refusing.no_token()


async def _body(request: Request) -> dict[str, Any]:
    if request.method == "GET":
        return {}
    try:
        body: object = await request.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}
