"""OpenAI's dialect as Ollama speaks it: `options` and `keep_alive` in a body are ignored without a word."""

import json
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..attending import unless_gone
from ..events import event
from .answering import Record, whole
from .bodies import Ask, Refused, find, full_name
from .native import Native
from .streaming import Streamed

_CREATED = 1795285381
_OPTIONS = {"max_tokens": "num_predict", "temperature": "temperature", "seed": "seed", "stop": "stop"}


class Compat:
    """The routes below `/v1`."""

    def __init__(self, native: Native) -> None:
        self._native = native

    def routes(self) -> list[Route]:
        """Those that people use."""
        return [
            Route("/v1/models", self.models, methods=["GET"]),
            Route("/v1/models/{model:path}", self.model, methods=["GET"]),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
        ]

    async def models(self, request: Request) -> Response:
        """What is installed."""
        data = [_model(full_name(name)) for name in self._native.world.models]
        return JSONResponse({"object": "list", "data": data})

    async def model(self, request: Request) -> Response:
        """One of them, under the name it was asked by."""
        name = request.path_params["model"]
        if find(self._native.world, name) is None:
            return self._refuse(Refused(404, f"model '{name}' not found"))
        return JSONResponse(_model(name))

    async def chat(self, request: Request) -> Response:
        """An answer, with native records translated."""
        body = await self._body(request)
        if not body.get("messages"):
            return self._refuse(Refused(400, "[] is too short - 'messages'"))
        options = {ours: body[theirs] for theirs, ours in _OPTIONS.items() if body.get(theirs) is not None}
        more = {"tools": body["tools"]} if body.get("tools") else {}
        if schema := cast("dict[str, Any]", body.get("response_format") or {}).get("json_schema"):
            more["format"] = schema.get("schema")
        ask = Ask({"model": body.get("model"), "messages": body["messages"], "options": options, **more})
        records = self._native.answer(ask, "chat")
        name = f"chatcmpl-{random.randint(1, 999)}"
        if body.get("stream") is True:
            options_of_stream = cast("dict[str, Any]", body.get("stream_options") or {})
            usage = options_of_stream.get("include_usage") is True
            return Streamed(_events(records, name, usage=usage), "text/event-stream", self._refuse)
        try:
            record = await unless_gone(request.receive, whole(records))
        except Refused as refused:
            return self._refuse(refused)
        return JSONResponse(_completion(record, name))

    async def embeddings(self, request: Request) -> Response:
        """Vectors."""
        body = await self._body(request)
        if not body.get("input"):
            return self._refuse(Refused(400, "invalid input"))
        ask = Ask({"model": body.get("model"), "input": body["input"]})
        try:
            answer = await unless_gone(request.receive, self._native.embed(ask))
        except Refused as refused:
            return self._refuse(refused)
        data = [
            {"object": "embedding", "embedding": vector, "index": at}
            for at, vector in enumerate(answer["embeddings"])
        ]
        count = answer["prompt_eval_count"]
        usage = {"prompt_tokens": count, "total_tokens": count}
        return JSONResponse({"object": "list", "data": data, "model": ask.model, "usage": usage})

    def _refuse(self, refused: Refused) -> JSONResponse:
        kinds = {400: "invalid_request_error"}
        if self._native.switches.since(0, 30):
            kinds[404] = "not_found_error"
        kind = kinds.get(refused.status, "api_error")
        error = {"message": refused.text, "type": kind, "param": None, "code": None}
        return JSONResponse({"error": error}, refused.status)

    async def _body(self, request: Request) -> dict[str, Any]:
        try:
            body = json.loads(await request.body())
        except ValueError as problem:
            raise Refused(400, str(problem)) from None
        self._native.world.requests.append((request.method, request.url.path, body))
        return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "library"}


def _completion(record: Record, name: str) -> dict[str, Any]:
    message, reason = _message(record["message"]), record.get("done_reason")
    reason = "tool_calls" if message.get("tool_calls") else reason
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return {**_head(record, name, "chat.completion"), "choices": [choice], "usage": _usage(record)}


async def _events(
    records: AsyncGenerator[Record, None], name: str, *, usage: bool
) -> AsyncGenerator[bytes, None]:
    called = False
    async with aclosing(records):
        async for record in records:
            if "error" in record:
                yield event({"error": {"message": record["error"], "type": "api_error"}})
                return
            head = _head(record, name, "chat.completion.chunk")
            delta = _message(record["message"])
            called = called or "tool_calls" in delta
            reason = "tool_calls" if called and record["done"] else record.get("done_reason")
            yield event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
            if record["done"] and usage:
                yield event({**head, "choices": [], "usage": _usage(record)})
            if record["done"]:
                yield b"data: [DONE]\n\n"


def _message(native: dict[str, Any]) -> dict[str, Any]:
    """A message of the native API, with its calls as OpenAI has them."""
    if "tool_calls" not in native:
        return native
    calls = [
        {
            "id": call.get("id") or f"call_{random.randint(0, 99_999_999):08}",
            "index": call["function"].get("index", index),
            "type": "function",
            "function": {
                "name": call["function"]["name"],
                "arguments": json.dumps(call["function"]["arguments"], separators=(",", ":")),
            },
        }
        for index, call in enumerate(native["tool_calls"])
    ]
    return {**native, "tool_calls": calls}


def _head(record: Record, name: str, kind: str) -> dict[str, Any]:
    common = {"id": name, "object": kind, "created": int(time.time()), "model": record["model"]}
    return {**common, "system_fingerprint": "fp_ollama"}


def _usage(record: Record) -> dict[str, int]:
    prompt, answer = record.get("prompt_eval_count", 0), record.get("eval_count", 0)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
