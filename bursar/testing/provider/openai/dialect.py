"""Answers in OpenAI's dialect: word by word, as a whole, as vectors."""

import base64
import json
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from .. import calling
from ..world import Gone, Instance, World, tokens, vector
from .quirks import Quirks
from .refusing import Refused, missing

#: Words of an answer that nobody limits.
_WORDS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    kind: Literal["chat", "text"]
    model: str
    prompt_tokens: int
    #: Words at most; None where the request says nothing.
    limit: int | None
    stream: bool
    usage: bool

    @property
    def words(self) -> int:
        """How long the answer is."""
        return _WORDS if self.limit is None else self.limit

    @property
    def reason(self) -> str:
        """Why it ends there."""
        return "stop" if self.limit is None or self.limit > _WORDS else "length"

    @property
    def counts(self) -> dict[str, Any]:
        """Token counts: each word is one."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.words,
            "total_tokens": self.prompt_tokens + self.words,
            "prompt_tokens_details": {"cached_tokens": 0},
        }


def read(body: dict[str, Any], kind: Literal["chat", "text"]) -> Asked:
    """Read a request. Raises `Refused`."""
    part = "messages" if kind == "chat" else "prompt"
    for name in ("model", part):
        if not body.get(name):
            raise missing(name)
    options: dict[str, Any] = body.get("stream_options") or {}
    return Asked(
        kind,
        str(body["model"]),
        len(tokens(text_of(body[part]))),
        body.get("max_completion_tokens", body.get("max_tokens")),
        bool(body.get("stream")),
        bool(options.get("include_usage")),
    )


def whole(asked: Asked, text: str, world: World) -> dict[str, Any]:
    """The answer in one piece."""
    message = {"role": "assistant", "content": text, **calling.message(world.calls)}
    said = {"message": message} if asked.kind == "chat" else {"text": text}
    name = "chat.completion" if asked.kind == "chat" else "text_completion"
    choice = {"index": 0, **said, "logprobs": None, "finish_reason": _reason(asked, world)}
    usage = {} if world.faults.no_usage else {"usage": asked.counts}
    return {**_frame(asked, name, [choice]), **usage}


async def pieces(
    world: World, instance: Instance, asked: Asked, quirks: Quirks
) -> AsyncGenerator[dict[str, Any], None]:
    """The objects of a stream. Ends where the instance vanishes."""
    usage = asked.usage and not world.faults.no_usage
    counts = {"prompt_tokens": 0, "completion_tokens": 0} if quirks.usage == "noughts" else asked.counts
    everywhere = {"usage": counts} if usage and quirks.usage == "every" else {}
    if asked.kind == "chat":
        yield {**_piece(asked, {"role": "assistant", "content": ""}), **everywhere}
    for n in range(quirks.reasoning):
        yield {**_piece(asked, {quirks.reasoning_field: f"r{n} "}), **everywhere}
    said = 0
    async with aclosing(world.words(instance, asked.words)) as words:
        async for word in words:
            if said == quirks.error_after:
                yield {"error": Refused(500, "The server had an error", kind="server_error").error}
                return
            said += 1
            yield {**_piece(asked, {"content": word}), **everywhere}
    if asked.kind == "chat":
        told = calling.deltas if quirks.numbers_calls else calling.whole_deltas
        for delta in told(world.calls):
            yield {**_piece(asked, delta), **everywhere}
    beside = {"usage": counts} if usage and quirks.usage in {"finish", "every"} else {}
    yield {**_piece(asked, {}, _reason(asked, world)), **beside}
    if usage and quirks.usage in {"last", "noughts"}:
        yield {**_frame(asked, _chunk_name(asked), []), "usage": counts}


async def framed(
    objects: AsyncGenerator[dict[str, Any], None], world: World, quirks: Quirks
) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream; one that breaks off has no end."""
    end = "\r\n" if quirks.crlf else "\n"
    before, after = ("data: ", end * 2) if quirks.framing == "events" else ("", end)
    try:
        async with aclosing(objects):
            async for found in objects:
                if quirks.pings:
                    yield f": ping{end}{end}".encode()
                yield f"{before}{json.dumps(found)}{after}".encode()
                if "error" in found:
                    return
    except Gone:
        return
    if quirks.done and quirks.framing == "events" and not world.faults.no_end:
        yield f"data: [DONE]{end}{end}".encode()


def vectors(body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request for embeddings."""
    given: Any = body.get("input")
    if given is None:
        raise missing("input")
    texts = [given] if isinstance(given, str) else list(given)
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": n, "embedding": _vector(str(text), packed=packed)}
        for n, text in enumerate(texts)
    ]
    counted = sum(len(tokens(str(text))) for text in texts)
    usage = {"prompt_tokens": counted, "total_tokens": counted}
    # In no particular order: the index says which is which.
    return {"object": "list", "data": data[::-1], "model": body.get("model"), "usage": usage}


def _vector(text: str, *, packed: bool) -> list[float] | str:
    numbers = vector(text)
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode() if packed else numbers


def text_of(part: Any) -> str:
    """A prompt, or the contents of messages."""
    if isinstance(part, str):
        return part
    return " ".join(f"{message.get('content') or ''}{calling.written(message)}" for message in part)


def _reason(asked: Asked, world: World) -> str:
    return "tool_calls" if world.calls and asked.kind == "chat" else asked.reason


def _piece(asked: Asked, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {"delta": delta} if asked.kind == "chat" else {"text": delta.get("content", "")}
    return _frame(
        asked, _chunk_name(asked), [{"index": 0, **said, "logprobs": None, "finish_reason": reason}]
    )


def _chunk_name(asked: Asked) -> str:
    return "chat.completion.chunk" if asked.kind == "chat" else "text_completion"


def _frame(asked: Asked, name: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    prefix = "chatcmpl" if asked.kind == "chat" else "cmpl"
    return {
        "id": f"{prefix}-simulated",
        "object": name,
        "created": 1_700_000_000,
        "model": asked.model,
        "choices": choices,
    }
