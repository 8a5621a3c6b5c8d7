"""The server."""

from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..faults import Faulty
from ..openai import dialect
from ..openai.dialect import Asked
from ..openai.intake import Held, Intake
from ..openai.quirks import Quirks
from ..world import Gone, Instance, World, tokens
from . import refusing
from .engine import Engine
from .switches import Switches

_QUIRKS = Quirks()


def build(world: World, switches: Switches | None = None) -> ASGIApp:
    """A server with the first of the world's models; the others are not its business."""
    return Faulty(Starlette(routes=_Server(world, switches or Switches()).routes()), world.faults)


class _Server:
    def __init__(self, world: World, switches: Switches) -> None:
        self._world, self._switches = world, switches
        self._engine = Engine(world, next(iter(world.models.values())), switches)

    def routes(self) -> list[Route]:
        """Those of every server, those of the development mode, and an answer for the rest."""
        keyed = Intake(self._world, self._switches.key, refusing.unauthorized).taken
        free = Intake(self._world).taken
        always = [
            Route("/health", free(self._health), methods=["GET"]),
            Route("/version", free(self._version), methods=["GET"]),
            Route("/metrics", free(self._metrics), methods=["GET"]),
            Route("/tokenize", free(self._tokenize), methods=["POST"]),
            Route("/detokenize", free(self._detokenize), methods=["POST"]),
            Route("/v1/models", keyed(self._models), methods=["GET"]),
            Route("/v1/chat/completions", keyed(self._chat), methods=["POST"]),
            Route("/v1/completions", keyed(self._complete), methods=["POST"]),
            Route("/v1/embeddings", keyed(self._embed), methods=["POST"]),
        ]
        sleep = [
            Route("/sleep", free(self._sleep), methods=["POST"]),
            Route("/wake_up", free(self._wake), methods=["POST"]),
            Route("/is_sleeping", free(self._is_sleeping), methods=["GET"]),
            Route("/collective_rpc", free(self._collective_rpc), methods=["POST"]),
            Route("/reset_prefix_cache", free(self._reset_prefix_cache), methods=["POST"]),
        ]
        rest = Route("/{path:path}", free(_nothing), methods=["GET", "POST", "PUT", "DELETE"])
        return [*always, *(sleep if self._switches.dev_mode else []), rest]

    async def _health(self, request: Request, body: dict[str, Any]) -> Response:
        return Response(status_code=503 if self._engine.dead else 200)

    async def _version(self, request: Request, body: dict[str, Any]) -> Response:
        return JSONResponse({"version": self._switches.version})

    async def _metrics(self, request: Request, body: dict[str, Any]) -> Response:
        name = self._engine.model.name
        running = sum(instance.busy for instance in self._world.instances.values())
        gauge = "gpu_cache_usage_perc" if self._switches.old else "kv_cache_usage_perc"
        lines = [
            "# HELP vllm:num_requests_running Number of requests in model execution batches.",
            "# TYPE vllm:num_requests_running gauge",
            f'vllm:num_requests_running{{engine="0",model_name="{name}"}} {float(running)}',
            f'vllm:num_requests_waiting{{engine="0",model_name="{name}"}} 0.0',
            f'vllm:{gauge}{{engine="0",model_name="{name}"}} 0.0',
        ]
        return PlainTextResponse("\n".join(lines) + "\n")

    async def _models(self, request: Request, body: dict[str, Any]) -> Response:
        model = self._engine.model
        listed = {
            "id": model.name,
            "object": "model",
            "created": 1_700_000_000,
            "owned_by": "vllm",
            "root": f"/models/{model.name}",
            "parent": None,
            "max_model_len": model.context,
        }
        return JSONResponse({"object": "list", "data": [listed]})

    async def _tokenize(self, request: Request, body: dict[str, Any]) -> Response:
        asked = body.get("prompt", body.get("messages"))
        if asked is None:
            raise refusing.invalid("prompt", "Field required")
        text = dialect.text_of(asked)
        found = tokens(text)
        parts = [text[at : at + 4] for at in range(0, len(text), 4)]
        return JSONResponse(
            {
                "count": len(found),
                "max_model_len": self._engine.model.context,
                "tokens": found,
                "token_strs": parts if body.get("return_token_strs") else None,
            }
        )

    async def _detokenize(self, request: Request, body: dict[str, Any]) -> Response:
        given: list[int] = body.get("tokens", [])
        return JSONResponse({"prompt": "".join(f"<{token}>" for token in given)})

    async def _chat(self, request: Request, body: dict[str, Any]) -> Response:
        return await self._answer(body, "chat")

    async def _complete(self, request: Request, body: dict[str, Any]) -> Response:
        return await self._answer(body, "text")

    async def _answer(self, body: dict[str, Any], kind: Literal["chat", "text"]) -> Response:
        asked = dialect.read({"model": self._engine.model.name, **body}, kind)
        self._check(asked, body)
        instance = self._engine.instance()
        hold = self._world.answering(instance)
        if not asked.stream:
            async with hold:
                return await self._whole(instance, asked)
        objects = dialect.pieces(self._world, instance, asked, _QUIRKS)
        return Held(dialect.framed(objects, self._world, _QUIRKS), hold, "text/event-stream")

    def _check(self, asked: Asked, body: dict[str, Any]) -> None:
        context, old = self._engine.model.context, self._switches.old
        if asked.model != self._engine.model.name:
            raise refusing.unknown_model(asked.model, old=old)
        if body.get("priority", 0) and not self._switches.priorities:
            raise refusing.no_priorities(old=old)
        if asked.prompt_tokens > context:
            raise refusing.too_long(asked.prompt_tokens, context, old=old)
        if asked.limit is not None and asked.prompt_tokens + asked.limit > context:
            raise refusing.too_much(asked.limit, asked.prompt_tokens, context, old=old)

    async def _whole(self, instance: Instance, asked: Asked) -> Response:
        try:
            words = [word async for word in self._world.words(instance, asked.words)]
        except Gone as gone:
            raise refusing.engine_dead(old=self._switches.old) from gone
        return JSONResponse(dialect.whole(asked, "".join(words), self._world))

    async def _embed(self, request: Request, body: dict[str, Any]) -> Response:
        model = self._engine.model
        if body.get("model", model.name) != model.name:
            raise refusing.unknown_model(body["model"], old=self._switches.old)
        if model.kind != "embedding":
            raise refusing.no_embeddings(old=self._switches.old)
        async with self._world.answering(self._engine.instance()):
            return JSONResponse(dialect.vectors(body))

    async def _sleep(self, request: Request, body: dict[str, Any]) -> Response:
        query = request.query_params
        await self._engine.sleep(int(query.get("level", "1")), query.get("mode", "abort"))
        return Response()

    async def _wake(self, request: Request, body: dict[str, Any]) -> Response:
        self._engine.wake(request.query_params.getlist("tags"))
        return Response()

    async def _is_sleeping(self, request: Request, body: dict[str, Any]) -> Response:
        return JSONResponse({"is_sleeping": self._engine.is_sleeping()})

    async def _collective_rpc(self, request: Request, body: dict[str, Any]) -> Response:
        if body.get("method") == "reload_weights":
            self._engine.reload_weights()
        return JSONResponse({"results": [None]})

    async def _reset_prefix_cache(self, request: Request, body: dict[str, Any]) -> Response:
        return Response()


async def _nothing(request: Request, body: dict[str, Any]) -> Response:
    raise refusing.no_such_path()
