"""The records of an answer: a line of JSON for each piece, the last with what it cost."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

from ....domain.errors import ProviderCancelled, ProviderUnavailable
from ....domain.ports import ChatRequest, Chunk, ToolCall
from ..wire.calls import Calls, Ids
from ..wire.complaint import excerpt
from ..wire.failing import failing
from ..wire.fields import record, string, whole
from ..wire.finishing import finish
from ..wire.refusals import refusal, reported
from ..wire.truncation import aside
from .api import Api
from .halving import truncation
from .messages import native_messages
from .versions import Version

_NANOSECONDS_A_MILLISECOND = 1_000_000


def chat_body(request: ChatRequest, common: dict[str, Any], version: Version) -> dict[str, Any]:
    """The body of a chat. `common` is what goes with every request about the model.

    A prompt that is too long is to be refused, and not cut. A version that would refuse a schema gets none.
    """
    optional = {
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "stop": list(request.stop) or None,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    schema = request.schema if version.takes_schemas else None
    return {
        **common,
        "messages": native_messages(request.messages),
        "stream": True,
        "options": {**common["options"], **given},
        "truncate": False,
        **({"tools": list(request.tools)} if request.tools else {}),
        **({"format": dict(schema)} if schema is not None else {}),
    }


async def chat_chunks(
    api: Api, model: str, request: ChatRequest, body: dict[str, Any], window: int, *, idle_s: float
) -> AsyncGenerator[Chunk, None]:
    """Ask, and hand on the answer; closing the generator ends it at the provider.

    Raises what its refusals mean, and `ProviderCancelled` for an answer that ends without its last record.
    """
    with failing(api.provider, model):
        async with api.http.stream("POST", "/api/chat", json=body, idle_s=idle_s) as answer:
            if answer.status != 200:
                raise refusal(api.provider, model, answer.status, answer.headers, await answer.read())
            calls = Calls(api.provider, model)
            async with aclosing(answer.lines()) as lines:
                async for line in lines:
                    piece = _piece(api.provider, model, line)
                    message = record(piece.get("message"))
                    calls.take_whole(message.get("tool_calls"))
                    if text := string(message.get("content")):
                        yield Chunk(text=text)
                    if piece["done"]:
                        await finish(lines)
                        made = calls.whole(_ids(request))
                        yield await _last(piece, made, request, window, api)
                        return
    cause = "the answer ended without its last record; Ollama gives up on one that repeats itself"
    raise ProviderCancelled(provider=api.provider, cause=cause)


def _piece(provider: str, model: str, line: bytes) -> dict[str, Any]:
    try:
        piece = record(json.loads(line))
    except (ValueError, RecursionError):
        piece = dict[str, Any]()
    if error := piece.get("error"):
        raise reported(provider, model, error)
    if not isinstance(piece.get("done"), bool):
        raise ProviderUnavailable(provider=provider, cause=f"{model} answered with {excerpt(line)}")
    return piece


def _ids(request: ChatRequest) -> Ids:
    return Ids([call.id for message in request.messages for call in message.tool_calls])


async def _last(
    piece: dict[str, Any], calls: tuple[ToolCall, ...], request: ChatRequest, window: int, api: Api
) -> Chunk:
    reason = string(piece.get("done_reason")) or "stop"
    prompt_tokens = whole(piece.get("prompt_eval_count"))
    load_ns = whole(piece.get("load_duration"))
    judge = partial(truncation, request.messages, prompt_tokens, window, api.version)
    return Chunk(
        done=True,
        # What the others call it; Ollama has no word for it.
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        # A prompt that was cached is left out by old versions: that is not known, and not nought.
        prompt_tokens=prompt_tokens,
        completion_tokens=whole(piece.get("eval_count")),
        load_ms=None if load_ns is None else load_ns // _NANOSECONDS_A_MILLISECOND,
        truncation=await aside(judge, request.messages),
        tool_calls=calls,
    )
