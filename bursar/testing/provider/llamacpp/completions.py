"""Answers: chats, completions and vectors."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import cast

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive

from .. import calling
from ..attending import unless_gone
from ..events import event
from ..faults import Cut
from ..world import Gone, tokens, vector
from . import refusing, shapes
from .engine import Engine, Slot
from .shapes import Json
from .streaming import Events

#: An answer of a model that was not told when to stop.
_USUAL_TOKENS = 16
#: Texts longer than this cannot be embedded.
_BATCH_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an answer, as far as it matters here."""

    prompt: list[int]
    limit: int
    slot: int
    body: Json
    #: Whether the answer is told in OpenAI's dialect.
    chat: bool
    #: Whether this is only the end of what was asked.
    cut: bool = False

    @property
    def length(self) -> int:
        """Tokens of the answer, unless the window ends it."""
        return self.limit if self.limit >= 0 else _USUAL_TOKENS


async def chat(engine: Engine, body: Json, receive: Receive) -> ASGIApp:
    """`POST /v1/chat/completions`."""
    messages = messages_of(body)
    _check_numbers(body)
    prompt = tokens(shapes.prompt_of(messages))
    limit = body.get("max_tokens", body.get("max_completion_tokens"))
    return await _answer(engine, _asked(prompt, limit, body, chat=True), receive)


async def complete(engine: Engine, body: Json, receive: Receive) -> ASGIApp:
    """`POST /completion`."""
    if "prompt" not in body:
        raise refusing.invalid("[json.exception.out_of_range.403] key 'prompt' not found")
    prompt = tokens(str(body["prompt"])) or [0]
    return await _answer(engine, _asked(prompt, body.get("n_predict"), body, chat=False), receive)


async def embed(engine: Engine, body: Json) -> JSONResponse:
    """`POST /v1/embeddings`."""
    await engine.awake()
    if not engine.flags.embeddings:
        raise refusing.unsupported("embeddings", "--embeddings")
    if engine.flags.pooling == "none":
        problem = "Pooling type 'none' is not OAI compatible. Please use a different pooling type"
        raise refusing.invalid(problem)
    given: object = body.get("input", body.get("content"))
    if given is None:
        raise refusing.invalid('"input" or "content" must be provided')
    texts = cast("list[object]", given) if isinstance(given, list) else [given]
    if not texts:
        raise refusing.invalid('"input" must not be empty')
    counts = [len(tokens(str(text))) for text in texts]
    if max(counts) > _BATCH_TOKENS:
        raise refusing.too_large(max(counts), _BATCH_TOKENS)
    await engine.awake(task=True)
    data = [
        {"embedding": vector(str(text)), "index": n, "object": "embedding"} for n, text in enumerate(texts)
    ]
    used = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
    return JSONResponse({"model": engine.name, "object": "list", "usage": used, "data": data})


def messages_of(body: Json) -> list[Json]:
    """The conversation of a request."""
    given = body.get("messages")
    if given is None:
        raise refusing.invalid("'messages' is required")
    if not isinstance(given, list):
        raise refusing.invalid("Expected 'messages' to be an array")
    messages = cast("list[Json]", given)
    if any("content" not in message and "tool_calls" not in message for message in messages):
        raise refusing.invalid("All non-assistant messages must contain 'content'")
    return messages


def input_of(body: Json) -> list[Json]:
    """The same of a request in the dialect of `/v1/responses`."""
    given = body.get("input")
    if given is None:
        raise refusing.invalid("'input' is required")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list):
        raise refusing.invalid("'input' must be a string or array of objects")
    return cast("list[Json]", given)


def _check_numbers(body: Json) -> None:
    for name in ("temperature", "seed", "max_tokens"):
        value = body.get(name)
        if value is not None and not isinstance(value, (int, float)):
            kind = "string" if isinstance(value, str) else type(value).__name__
            problem = f"[json.exception.type_error.302] type must be number, but is {kind}"
            raise refusing.invalid(f"Field '{name}': {problem}")


def _asked(prompt: list[int], limit: object, body: Json, *, chat: bool) -> Asked:
    return Asked(prompt, limit if isinstance(limit, int) else -1, int(body.get("id_slot", -1)), body, chat)


async def _answer(engine: Engine, asked: Asked, receive: Receive) -> ASGIApp:
    if len(asked.prompt) >= engine.window:
        if not engine.flags.cuts_prompts:
            raise refusing.too_long(len(asked.prompt), engine.window)
        asked = replace(asked, prompt=asked.prompt[-engine.window // 2 :], cut=True)
    if not asked.body.get("stream"):
        return await unless_gone(receive, _whole(engine, asked))
    pieces = _chat_events(engine, asked) if asked.chat else _completion_events(engine, asked)
    return Events(pieces, engine.flags.sse_ping_interval)


async def _whole(engine: Engine, asked: Asked) -> JSONResponse:
    text = ""
    params = shapes.params(max_tokens=asked.limit, n_predict=asked.limit)
    async with engine.task(asked.prompt, asked.slot, asked.limit, params) as slot:
        async with aclosing(_words(engine, asked, slot)) as words:
            async for word in words:
                text += word
        if asked.chat:
            return JSONResponse(_chat_answer(engine, asked, slot, text))
        return JSONResponse(_completion_answer(engine, asked, slot, text))


async def _words(engine: Engine, asked: Asked, slot: Slot) -> AsyncGenerator[str, None]:
    """The answer's text, as it comes; a process that ends cuts the connection."""
    room = engine.window - len(asked.prompt)
    count = asked.length if engine.flags.context_shift else min(asked.length, room)
    async with aclosing(engine.world.words(engine.instance, count)) as words:
        try:
            async for word in words:
                slot.predicted += 1
                slot.tokens.append(slot.predicted)
                engine.totals["predicted"] += 1
                yield word
        except Gone:
            raise Cut from None


async def _chat_events(engine: Engine, asked: Asked) -> AsyncGenerator[bytes, None]:
    body, head = asked.body, _head(engine, "chat.completion.chunk")
    no_usage = engine.world.faults.no_usage
    params = shapes.params(stream=True, max_tokens=asked.limit, n_predict=asked.limit)
    async with engine.task(asked.prompt, asked.slot, asked.limit, params) as slot:
        each = bool(body.get("timings_per_token"))
        first = {**_choice({"role": "assistant", "content": None}), **head}
        if body.get("return_progress"):
            for processed in (slot.cached, len(asked.prompt)):
                progress = {"prompt_progress": _progress(slot, processed)}
                yield event({**first, **(_timings(slot) if each else {}), **progress})
        yield event(first)
        async with aclosing(_words(engine, asked, slot)) as words:
            async for word in words:
                chunk = {**_choice({"content": word}), **head}
                yield event({**chunk, **(_timings(slot) if each else {})})
        for delta in calling.deltas(engine.world.calls):
            yield event({**_choice(delta), **head})
        reason = _chat_reason(engine, asked, slot)
        with_usage = bool(body.get("stream_options", {}).get("include_usage")) and not no_usage
        told = {} if no_usage else _timings(slot)
        yield event({**_choice({}, reason), **head, **({} if with_usage else told)})
        if with_usage:
            yield event({"choices": [], **head, "usage": _usage(asked, slot), **told})
    if not engine.world.faults.no_end:
        yield b"data: [DONE]\n\n"


async def _completion_events(engine: Engine, asked: Asked) -> AsyncGenerator[bytes, None]:
    params = shapes.params(stream=True, n_predict=asked.limit)
    async with engine.task(asked.prompt, asked.slot, asked.limit, params) as slot:
        async with aclosing(_words(engine, asked, slot)) as words:
            async for word in words:
                counts = {"tokens_predicted": slot.predicted, "tokens_evaluated": len(asked.prompt)}
                there: Json = {"tokens": [slot.predicted], "stop": False, "id_slot": slot.id}
                yield event({"index": 0, "content": word, **there, **counts})
        yield event(_completion_answer(engine, asked, slot, ""))


def _chat_answer(engine: Engine, asked: Asked, slot: Slot, text: str) -> Json:
    counts = {} if engine.world.faults.no_usage else {"usage": _usage(asked, slot), **_timings(slot)}
    message = {"role": "assistant", "content": text, **calling.message(engine.world.calls)}
    choice = {"finish_reason": _chat_reason(engine, asked, slot), "index": 0, "message": message}
    return {"choices": [choice], **_head(engine, "chat.completion"), **counts}


def _completion_answer(engine: Engine, asked: Asked, slot: Slot, text: str) -> Json:
    given = shapes.answered_params(
        max_tokens=asked.limit, n_predict=asked.limit, stream=bool(asked.body.get("stream"))
    )
    return {
        "index": 0,
        "content": text,
        "tokens": [],
        "id_slot": slot.id,
        "stop": True,
        "model": engine.name,
        "tokens_predicted": slot.predicted,
        "tokens_evaluated": len(asked.prompt),
        "generation_settings": given,
        "prompt": str(asked.body.get("prompt")),
        "has_new_line": False,
        "truncated": asked.cut or len(slot.tokens) > engine.window,
        "stop_type": "eos" if _reason(asked, slot) == "stop" else "limit",
        "stopping_word": "",
        "tokens_cached": len(slot.tokens) - 1,
        **_timings(slot),
    }


def _head(engine: Engine, kind: str) -> Json:
    return {
        "created": int(time.time()),
        "id": f"chatcmpl-{secrets.token_hex(16)}",
        "model": engine.name,
        "system_fingerprint": engine.flags.build_info,
        "object": kind,
    }


def _choice(delta: Json, reason: str | None = None) -> Json:
    return {"choices": [{"finish_reason": reason, "index": 0, "delta": delta}]}


def _chat_reason(engine: Engine, asked: Asked, slot: Slot) -> str:
    return "tool_calls" if engine.world.calls else _reason(asked, slot)


def _reason(asked: Asked, slot: Slot) -> str:
    return "stop" if asked.limit < 0 and slot.predicted == asked.length else "length"


def _usage(asked: Asked, slot: Slot) -> Json:
    return shapes.usage(len(asked.prompt), slot.predicted, slot.cached)


def _timings(slot: Slot) -> Json:
    return {"timings": shapes.timings(slot.cached, slot.computed, slot.predicted)}


def _progress(slot: Slot, processed: int) -> Json:
    total = slot.cached + slot.computed
    return {"total": total, "cache": slot.cached, "processed": processed, "time_ms": 0}
