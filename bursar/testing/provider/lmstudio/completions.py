"""Chat, text and embeddings of `/v1`, and of `/api/v0`, which adds statistics."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from starlette.responses import JSONResponse, Response

from .. import calling
from ..events import event
from ..world import vector
from . import refusing
from .calls import Call, Events, new_id
from .generation import Generation, begin, contents
from .refusing import Refused

_DONE = b"data: [DONE]\n\n"


async def chat(call: Call) -> Response:
    """`/chat/completions`."""
    instance = await call.studio.find(call.body.get("model"), ttl=call.ttl)
    generation = begin(call.studio, instance, contents(call.body.get("messages")), _limit(call))
    head = _head("chatcmpl-", generation)
    if call.body.get("stream"):
        return Events(_chunks(call, generation, {**head, "object": "chat.completion.chunk"}))
    calls = calling.message(call.studio.world.calls)
    message = {"role": "assistant", "content": await generation.whole(), **calls}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(generation)}
    answer = {**head, "object": "chat.completion", "choices": [choice], **_usage(generation)}
    return JSONResponse({**answer, **_statistics(call, generation)})


async def text(call: Call) -> Response:
    """`/completions`; streamed it is one piece."""
    instance = await call.studio.find(call.body.get("model"), ttl=call.ttl)
    prompt = call.body.get("prompt")
    generation = begin(call.studio, instance, contents([prompt]), _limit(call))
    written = await generation.whole()
    choice = {"index": 0, "text": written, "logprobs": None, "finish_reason": generation.finish}
    answer = {**_head("cmpl-", generation), "object": "text_completion", "choices": [choice]}
    answer = {**answer, **_usage(generation), **_statistics(call, generation)}
    return Events(_at_once(answer)) if call.body.get("stream") else JSONResponse(answer)


async def embeddings(call: Call) -> Response:
    """`/embeddings`; its usage is nothing, whatever the texts."""
    given = call.body.get("input")
    texts = contents([given] if isinstance(given, str) else given)
    if not texts:
        raise refusing.missing("input")
    instance = await call.studio.find(call.body.get("model"), ttl=call.ttl)
    async with call.studio.answering(instance):
        data = [
            {"object": "embedding", "embedding": vector(each), "index": number}
            for number, each in enumerate(texts)
        ]
    usage = {"prompt_tokens": 0, "total_tokens": 0}
    return JSONResponse({"object": "list", "data": data, "model": instance.model.name, "usage": usage})


async def _chunks(call: Call, generation: Generation, head: dict[str, object]) -> AsyncGenerator[bytes, None]:
    faults = call.studio.world.faults
    role = {"role": "assistant"}
    try:
        async with aclosing(generation.run()) as words:
            async for word in words:
                yield event({**head, "choices": [_delta({**role, "content": word})]})
                role = {}
    except Refused as refused:
        yield event({"error": refused.openai()}, "error")
        return
    for delta in calling.deltas(call.studio.world.calls):
        yield event({**head, "choices": [_delta(delta)]})
    if faults.no_end:
        return
    last = [_delta({}, _finish(generation))]
    yield event({**head, "choices": last, **_statistics(call, generation)})
    if _wants_usage(call) and not faults.no_usage:
        yield event({**head, "choices": [], **_usage(generation)})
    yield _DONE


async def _at_once(answer: dict[str, object]) -> AsyncGenerator[bytes, None]:
    yield event(answer)
    yield _DONE


def _wants_usage(call: Call) -> bool:
    options = call.body.get("stream_options")
    return bool(cast("dict[str, Any]", options).get("include_usage")) if isinstance(options, dict) else False


def _limit(call: Call) -> object:
    return call.body.get("max_tokens", call.body.get("max_completion_tokens"))


def _head(prefix: str, generation: Generation) -> dict[str, object]:
    name = generation.instance.id
    return {"id": new_id(prefix), "created": int(time.time()), "model": name, "system_fingerprint": name}


def _finish(generation: Generation) -> str:
    return "tool_calls" if generation.studio.world.calls else generation.finish


def _delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _usage(generation: Generation) -> dict[str, object]:
    if generation.studio.world.faults.no_usage:
        return {}
    prompt, answer = generation.prompt, len(generation.words)
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}}


def _statistics(call: Call, generation: Generation) -> dict[str, object]:
    """What `/api/v0` adds."""
    if not call.path.startswith("/api/v0/"):
        return {}
    stop = "maxPredictedTokensReached" if generation.limited else "eosFound"
    return {
        "stats": {
            "tokens_per_second": generation.pace,
            "time_to_first_token": round(generation.first, 3),
            "generation_time": round(generation.took, 3),
            "stop_reason": stop,
        },
        "model_info": {
            "arch": "llama",
            "quant": "Q4_K_M",
            "format": "gguf",
            "context_length": generation.instance.context,
        },
        "runtime": {"name": "llama.cpp-stand-in", "version": "2.0.0", "supported_formats": ["gguf"]},
    }
