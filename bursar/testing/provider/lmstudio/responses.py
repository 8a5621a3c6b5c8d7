"""`/v1/responses`, as far as a text in and a text out."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import JSONResponse, Response

from ..events import event
from .calls import Call, Events, new_id
from .generation import Generation, begin, contents
from .refusing import Refused


async def create(call: Call) -> Response:
    """An answer to `input`, whole or streamed."""
    given = call.body.get("input")
    texts = contents([given] if isinstance(given, str) else given)
    instance = await call.studio.find(call.body.get("model"), ttl=call.ttl)
    generation = begin(call.studio, instance, texts, call.body.get("max_output_tokens"))
    names = new_id("resp_"), new_id("msg_")
    if call.body.get("stream"):
        return Events(_events(generation, *names))
    await generation.whole()
    return JSONResponse(_response(generation, *names))


async def _events(generation: Generation, name: str, message: str) -> AsyncGenerator[bytes, None]:
    number = 0
    yield _named("response.created", number, response=_response(generation, name, message, "in_progress"))
    try:
        async with aclosing(generation.run()) as words:
            async for word in words:
                number += 1
                at: dict[str, object] = {"item_id": message, "output_index": 0, "content_index": 0}
                yield _named("response.output_text.delta", number, **at, delta=word, logprobs=[])
    except Refused as refused:
        yield _named("error", number + 1, **refused.openai())
        return
    yield _named("response.completed", number + 1, response=_response(generation, name, message))


def _named(name: str, number: int, **data: object) -> bytes:
    return event({**data, "type": name, "sequence_number": number}, name)


def _response(
    generation: Generation, name: str, message: str, status: str = "completed"
) -> dict[str, object]:
    done = status == "completed"
    text: dict[str, object] = {
        "type": "output_text",
        "text": "".join(generation.words),
        "annotations": [],
        "logprobs": [],
    }
    output: dict[str, object] = {
        "id": message,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    prompt, answer = generation.prompt, len(generation.words)
    usage = {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + answer,
    }
    return {
        "id": name,
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "model": generation.instance.id,
        "output": [output] if done else [],
        "usage": usage if done else None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
