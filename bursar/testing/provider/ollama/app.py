"""The routes, as Ollama has them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..attending import ClientGone, unless_gone
from ..faults import Faulty
from ..world import World
from .answering import Record, whole
from .bodies import Ask, Refused, find, read_ask
from .compat import Compat
from .listing import running, show, tags
from .native import Native, Verb, line
from .streaming import Streamed, refusing
from .switches import Switches

Handler = Callable[[Request], Awaitable[Response]]
_NDJSON = "application/x-ndjson"


def build(world: World, switches: Switches | None = None) -> ASGIApp:
    """A server like Ollama over `world`; its own switches may be changed while it runs."""
    native = Native(world, switches or Switches())
    app = _App(native)
    compat = Compat(native)
    routes = [
        Route("/", app.root, methods=["GET"]),
        Route("/api/version", app.version, methods=["GET"]),
        Route("/api/status", app.status, methods=["GET"]),
        Route("/api/tags", app.tags, methods=["GET"]),
        Route("/api/ps", app.ps, methods=["GET"]),
        Route("/api/show", _asked("ShowRequest", world, app.show), methods=["POST"]),
        Route("/api/generate", _asked("GenerateRequest", world, app.generate), methods=["POST"]),
        Route("/api/chat", _asked("ChatRequest", world, app.chat), methods=["POST"]),
        Route("/api/embed", _asked("EmbedRequest", world, app.embed), methods=["POST"]),
        Route("/api/embeddings", _asked("EmbeddingRequest", world, app.embeddings), methods=["POST"]),
        Route("/api/pull", _asked("PullRequest", world, app.pull), methods=["POST"]),
        *compat.routes(),
    ]
    handlers: dict[Any, Any] = {Refused: _refused, ClientGone: _gone, 404: _missing, 405: _wrong}
    return Faulty(Starlette(routes=routes, exception_handlers=handlers), world.faults)


async def _refused(request: Request, refused: Refused) -> Response:
    return refusing(refused)


async def _gone(request: Request, gone: ClientGone) -> Response:
    return refusing(Refused(499, "request canceled"))


async def _missing(request: Request, missing: Exception) -> Response:
    return PlainTextResponse("404 page not found", 404)


async def _wrong(request: Request, wrong: Exception) -> Response:
    return PlainTextResponse("405 method not allowed", 405)


Asked = Callable[[Request, Ask], Awaitable[Response]]


def _asked(shape: str, world: World, handle: Asked) -> Handler:
    """With the body read as that type of Ollama's, and noted."""

    async def handler(request: Request) -> Response:
        body = await request.body()
        ask = read_ask(body, shape)
        world.requests.append((request.method, request.url.path, ask.fields))
        return await handle(request, ask)

    return handler


class _App:
    """The native routes."""

    def __init__(self, native: Native) -> None:
        self._native, self._world, self._switches = native, native.world, native.switches

    async def root(self, request: Request) -> Response:
        return PlainTextResponse("Ollama is running")

    async def version(self, request: Request) -> Response:
        self._note(request)
        return JSONResponse({"version": self._switches.version})

    async def status(self, request: Request) -> Response:
        if not self._switches.since(0, 32):
            return PlainTextResponse("404 page not found", 404)
        return JSONResponse({"cloud": {"disabled": False, "source": "none"}})

    async def tags(self, request: Request) -> Response:
        self._note(request)
        return JSONResponse(tags(self._world, self._switches))

    async def ps(self, request: Request) -> Response:
        self._note(request)
        await unless_gone(request.receive, self._stall())
        return JSONResponse(running(self._world, self._switches, self._native.scheduler))

    async def show(self, request: Request, ask: Ask) -> Response:
        model = find(self._world, ask.model)
        if not ask.model:
            raise Refused(400, "model is required")
        if model is None:
            raise Refused(404, f"model '{ask.model}' not found")
        return JSONResponse(show(model, self._switches, verbose=ask.flag("verbose", False) is True))

    async def generate(self, request: Request, ask: Ask) -> Response:
        return await self._answer(request, ask, "generate")

    async def chat(self, request: Request, ask: Ask) -> Response:
        if isinstance(ask.fields.get("format"), dict) and not self._switches.since(0, 5):
            text = "json: cannot unmarshal object into Go struct field ChatRequest.format of type string"
            raise Refused(400, text)
        return await self._answer(request, Ask({"messages": [], **ask.fields}), "chat")

    async def embed(self, request: Request, ask: Ask) -> Response:
        return JSONResponse(await unless_gone(request.receive, self._native.embed(ask)))

    async def embeddings(self, request: Request, ask: Ask) -> Response:
        return JSONResponse(await unless_gone(request.receive, self._native.embedding(ask)))

    async def pull(self, request: Request, ask: Ask) -> Response:
        return await self._send(request, ask, self._native.pull(ask))

    async def _answer(self, request: Request, ask: Ask, verb: Verb) -> Response:
        empty = not ask.fields.get("messages" if verb == "chat" else "prompt")
        records = self._native.answer(ask, verb)
        if empty:
            # It is one record, and comes as such whatever was asked for.
            return JSONResponse(await unless_gone(request.receive, whole(records)))
        return await self._send(request, ask, records)

    async def _send(self, request: Request, ask: Ask, records: AsyncGenerator[Record, None]) -> Response:
        if ask.streams:
            return Streamed(_lines(records), _NDJSON, refusing)
        return JSONResponse(await unless_gone(request.receive, whole(records)))

    async def _stall(self) -> None:
        await self._switches.may_list.wait()
        if self._switches.ps_stall_s:
            await asyncio.sleep(self._switches.ps_stall_s)

    def _note(self, request: Request) -> None:
        self._world.requests.append((request.method, request.url.path, None))


async def _lines(records: AsyncGenerator[Record, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(records):
        async for record in records:
            yield line(record)
