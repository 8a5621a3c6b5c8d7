"""The server."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..faults import Faulty
from ..world import Gone, Instance, World
from . import dialect, extras, refusing
from .dialect import Asked
from .holding import Holding
from .intake import Held, Intake
from .quirks import Quirks
from .refusing import Refused


def build(world: World, quirks: Quirks | None = None) -> ASGIApp:
    """A server with the world's models."""
    return Faulty(Starlette(routes=_Server(world, quirks or Quirks()).routes()), world.faults)


class _Server:
    def __init__(self, world: World, quirks: Quirks) -> None:
        self._world, self._quirks = world, quirks
        self._holding, self._intake = Holding(world, quirks), Intake(world, quirks.key)
        #: Requests being answered.
        self._running = 0

    def routes(self) -> list[Route]:
        """Its endpoints, and an answer for every other path."""
        taken = self._intake.taken
        own = [
            Route("/v1/chat/completions", taken(self._chat), methods=["POST"]),
            Route("/v1/completions", taken(self._complete), methods=["POST"]),
            Route("/v1/embeddings", taken(self._embed), methods=["POST"]),
        ]
        if self._quirks.lists:
            own.append(Route("/v1/models", taken(self._models), methods=["GET"]))
        own += extras.routes(self._world, self._quirks, self._holding, self._intake)
        return [*own, Route("/{path:path}", taken(_nothing), methods=["GET", "POST", "PUT", "DELETE"])]

    async def _chat(self, request: Request, body: dict[str, Any]) -> Response:
        return await self._answer(body, "chat")

    async def _complete(self, request: Request, body: dict[str, Any]) -> Response:
        return await self._answer(body, "text")

    async def _answer(self, body: dict[str, Any], kind: Literal["chat", "text"]) -> Response:
        asked = dialect.read(body, kind)
        instance = await self._holding.instance(asked.model)
        if self._quirks.cuts_to is not None:
            asked = replace(asked, prompt_tokens=min(asked.prompt_tokens, self._quirks.cuts_to))
        if asked.prompt_tokens > instance.context:
            raise refusing.too_long(asked.prompt_tokens, instance.context)
        if self._quirks.limit is not None and self._running >= self._quirks.limit:
            raise self._too_many()
        self._running += 1
        hold = self._held(instance)
        if not asked.stream:
            async with hold:
                return await self._whole(instance, asked)
        kind_of_stream = "text/event-stream" if self._quirks.framing == "events" else "application/x-ndjson"
        objects = dialect.pieces(self._world, instance, asked, self._quirks)
        return Held(dialect.framed(objects, self._world, self._quirks), hold, kind_of_stream)

    async def _whole(self, instance: Instance, asked: Asked) -> Response:
        try:
            words = [word async for word in self._world.words(instance, asked.words)]
        except Gone as gone:
            raise Refused(500, "The server had an error", kind="server_error") from gone
        return JSONResponse(dialect.whole(asked, "".join(words), self._world))

    @asynccontextmanager
    async def _held(self, instance: Instance) -> AsyncGenerator[None, None]:
        try:
            async with self._world.answering(instance):
                yield
        finally:
            self._running -= 1

    def _too_many(self) -> Refused:
        if self._quirks.like != "llama-swap":
            return refusing.too_many(self._quirks)
        text = "too many concurrent requests"
        return Refused(429, text, kind="rate_limit", code="concurrency_limit", headers={"Retry-After": "1"})

    async def _embed(self, request: Request, body: dict[str, Any]) -> Response:
        instance = await self._holding.instance(str(body.get("model")))
        async with self._world.answering(instance):
            return JSONResponse(dialect.vectors(body))

    async def _models(self, request: Request, body: dict[str, Any]) -> Response:
        return JSONResponse({"object": "list", "data": [self._listed(name) for name in self._world.models]})

    def _listed(self, name: str) -> dict[str, Any]:
        model = self._world.models[name]
        listed: dict[str, Any] = {
            "id": name,
            "object": "model",
            "created": 1_700_000_000,
            "owned_by": "simulated",
        }
        if self._quirks.window == "meta":
            listed["meta"] = {"n_ctx": model.context}
        elif self._quirks.window:
            listed[self._quirks.window] = model.context
        if self._quirks.like == "llama-swap":
            listed["status"] = {"value": "loaded" if name in self._world.instances else "unloaded"}
        return listed


async def _nothing(request: Request, body: dict[str, Any]) -> Response:
    raise refusing.no_such_path(request.method, request.url.path)
