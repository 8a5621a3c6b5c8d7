"""`/api/v1/chat`: stateful, and the only endpoint that tells how far a load has come."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import JSONResponse, Response

from ..events import event
from ..world import Instance
from . import refusing
from .calls import Call, Events, new_id
from .generation import Generation, begin, contents
from .refusing import Refused


async def chat(call: Call) -> Response:
    """An answer to `input`, after whatever `previous_response_id` stands for."""
    texts = _texts(call)
    name = call.body.get("model")
    if call.body.get("stream"):
        return Events(_events(call, texts))
    load_s = None if call.studio.loaded(name) else 0.0
    loop = asyncio.get_running_loop()
    started = loop.time()
    instance = await call.studio.find(name, ttl=call.ttl, config=_config(call))
    load_s = None if load_s is None else loop.time() - started
    generation = begin(call.studio, instance, texts, call.body.get("max_output_tokens"))
    await generation.whole()
    return JSONResponse(_result(call, texts, generation, load_s))


async def _events(call: Call, texts: list[str]) -> AsyncGenerator[bytes, None]:
    name = call.body.get("model")
    try:
        if (instance := call.studio.loaded(name)) is None:
            call.studio.installed(name)
        yield _named("chat.start", model_instance_id=instance.id if instance else name)
        load_s = None
        if instance is None:
            started = asyncio.get_running_loop().time()
            yield _named("model_load.start", model_instance_id=name)
            yield _named("model_load.progress", model_instance_id=name, progress=0.5)
            instance = await call.studio.find(name, ttl=call.ttl, config=_config(call))
            load_s = asyncio.get_running_loop().time() - started
            yield _named("model_load.progress", model_instance_id=instance.id, progress=1)
            yield _named("model_load.end", model_instance_id=instance.id, load_time_seconds=round(load_s, 3))
        async with aclosing(_answer(call, texts, instance, load_s)) as events:
            async for each in events:
                yield each
    except Refused as refused:
        yield _named("error", error=refused.native())


async def _answer(
    call: Call, texts: list[str], instance: Instance, load_s: float | None
) -> AsyncGenerator[bytes, None]:
    generation = begin(call.studio, instance, texts, call.body.get("max_output_tokens"))
    yield _named("prompt_processing.start")
    yield _named("prompt_processing.progress", progress=1)
    yield _named("prompt_processing.end")
    yield _named("message.start")
    try:
        async with aclosing(generation.run()) as words:
            async for word in words:
                yield _named("message.delta", content=word)
    except Refused as refused:
        yield _named("error", error=refused.native())
    else:
        yield _named("message.end")
    # What there is of it, whatever happened.
    if not call.studio.world.faults.no_end:
        yield _named("chat.end", result=_result(call, texts, generation, load_s))


def _named(name: str, **data: object) -> bytes:
    return event({"type": name, **data}, name)


def _texts(call: Call) -> list[str]:
    given = call.body.get("input")
    texts = contents([given] if isinstance(given, str) else given)
    if not texts:
        raise refusing.missing("input")
    system = call.body.get("system_prompt")
    previous = call.body.get("previous_response_id")
    if previous is not None and previous not in call.studio.conversations:
        text = f'Could not find stored response for previous_response_id "{previous}".'
        raise Refused(404, "invalid_request", text, param="previous_response_id")
    said = call.studio.conversations[previous] if previous is not None else []
    return [*([system] if isinstance(system, str) else []), *said, *texts]


def _config(call: Call) -> dict[str, object]:
    context = call.body.get("context_length")
    return {"context_length": context} if isinstance(context, int) else {}


def _result(call: Call, texts: list[str], generation: Generation, load_s: float | None) -> dict[str, object]:
    written = "".join(generation.words)
    loaded = {} if load_s is None else {"model_load_time_seconds": round(load_s, 3)}
    answer: dict[str, object] = {
        "model_instance_id": generation.instance.id,
        "output": [{"type": "message", "content": written}],
        "stats": {
            "input_tokens": generation.prompt,
            "total_output_tokens": len(generation.words),
            "reasoning_output_tokens": 0,
            "tokens_per_second": generation.pace,
            "time_to_first_token_seconds": round(generation.first, 3),
            **loaded,
        },
    }
    if call.body.get("store", True):
        answer["response_id"] = response_id = new_id("resp_")
        call.studio.conversations[response_id] = [*texts, written]
    return answer
