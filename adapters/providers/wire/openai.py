"""OpenAI's dialect, as servers really speak it."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ....domain.errors import ProviderUnavailable
from ....domain.ports import ChatRequest, Chunk, Message
from ...http.failures import HttpFailure
from ...http.port import Answer, Http, ServerEvent, StreamedAnswer
from .calls import Calls, Ids, openai_calls
from .complaint import excerpt
from .failing import failing
from .fields import record, records, string, whole
from .finishing import finish
from .refusals import refusal, reported
from .vectors import read_vectors

_DONE = b"[DONE]"


def chat_body(model: str, request: ChatRequest, **extra: object) -> dict[str, Any]:
    """The body of a streamed chat; `extra` goes on top of it. Usage is always asked for."""
    optional = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "tools": list(request.tools) or None,
        "response_format": _format(request),
    }
    return {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in optional.items() if value is not None},
        **extra,
    }


async def chat_chunks(
    http: Http,
    provider: str,
    model: str,
    body: dict[str, Any],
    *,
    path: str = "/v1/chat/completions",
    idle_s: float | None,
) -> AsyncGenerator[Chunk, None]:
    """Ask, and hand on the answer; closing the generator ends it at the provider.

    Raises what `refusal`, `reported` and `failing` make of it, and `ProviderUnavailable` for what is no
    answer, or ended before it was complete.
    """
    with failing(provider, model):
        async with http.stream("POST", path, json=body, idle_s=idle_s) as answer:
            if answer.status != 200:
                raise refusal(provider, model, answer.status, answer.headers, await answer.read())
            end = _End(Calls(provider, model))
            async with aclosing(_events(answer, end)) as events:
                async for event in events:
                    if event.data == _DONE:
                        end.told = True
                        await finish(events)
                        break
                    if text := end.text_of(_object(provider, model, event)):
                        yield Chunk(text=text)
            yield end.chunk(_ids(body))


async def list_models(http: Http, provider: str, *, timeout_s: float | None = None) -> list[dict[str, Any]]:
    """What `/v1/models` lists, each with an `id` at least."""
    with failing(provider):
        answer = await http.request("GET", "/v1/models", timeout_s=timeout_s)
        whole_answer = _answered(provider, "", answer)
        return [model for model in records(whole_answer.get("data")) if string(model.get("id"))]


async def embed(
    http: Http,
    provider: str,
    model: str,
    texts: Sequence[str],
    *,
    timeout_s: float | None = None,
    **extra: object,
) -> tuple[tuple[float, ...], ...]:
    """A vector for each text, in their order; `extra` goes on top of the body."""
    if not texts:
        return ()
    with failing(provider, model):
        body = {"model": model, "input": list(texts), **extra}
        answer = await http.request("POST", "/v1/embeddings", json=body, timeout_s=timeout_s)
        found = records(_answered(provider, model, answer).get("data"))
    if len(found) != len(texts):
        cause = f"it sent {len(found)} embeddings for {len(texts)} texts"
        raise ProviderUnavailable(provider=provider, cause=cause)
    by_index = {whole(item.get("index")): item.get("embedding") for item in found}
    vectors = read_vectors([by_index.get(index) for index in range(len(texts))], len(texts))
    if vectors is None:
        # What it sent instead may be vectors in part, which tell what the texts are about: it is not quoted.
        raise ProviderUnavailable(provider=provider, cause=f"{model} did not answer with vectors")
    return vectors


def _message(message: Message) -> dict[str, Any]:
    optional = {
        "name": message.name,
        "tool_call_id": message.tool_call_id,
        "tool_calls": openai_calls(message.tool_calls) or None,
    }
    said = {"role": message.role, "content": message.content}
    return said | {name: value for name, value in optional.items() if value is not None}


def _format(request: ChatRequest) -> dict[str, Any] | None:
    if request.schema is None:
        return None
    schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
    return {"type": "json_schema", "json_schema": schema}


@dataclass(slots=True)
class _End:
    """What is known of the end of an answer that is still coming."""

    calls: Calls
    #: `[DONE]` came.
    told: bool = False
    finish_reason: str | None = None
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    timings: dict[str, Any] = field(default_factory=dict[str, Any])

    def text_of(self, data: dict[str, Any]) -> str:
        """Take in one event, and return its piece of the answer."""
        # Some repeat the counts in every chunk, some send them beside the finish reason: the last ones count.
        self.usage = record(data.get("usage")) or self.usage
        self.timings = record(data.get("timings")) or self.timings
        choices = records(data.get("choices"))
        choice = choices[0] if choices else record(None)
        self.finish_reason = string(choice.get("finish_reason")) or self.finish_reason
        piece = record(choice.get("delta")) or record(choice.get("message"))
        self.calls.take(piece.get("tool_calls"))
        return string(piece.get("content"))

    @property
    def complete(self) -> bool:
        """Whether nothing of the answer can be missing."""
        return self.told or self.finish_reason is not None

    def chunk(self, ids: Ids) -> Chunk:
        """The last chunk; counts are None where the provider gave none."""
        if not self.complete:
            cause = f"the answer of {self.calls.model} ended before it was complete"
            raise ProviderUnavailable(provider=self.calls.provider, cause=cause)
        prompt, completion, cached = self._counts()
        return Chunk(
            done=True,
            finish_reason=self.finish_reason,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=cached,
            tool_calls=self.calls.whole(ids),
        )

    def _counts(self) -> tuple[int | None, int | None, int | None]:
        usage, timings = self.usage, self.timings
        computed, reused = whole(timings.get("prompt_n")), whole(timings.get("cache_n"))
        cached = whole(record(usage.get("prompt_tokens_details")).get("cached_tokens"))
        cached = reused if cached is None else cached
        # No prompt has no tokens: whoever says so does not count them.
        if prompt := whole(usage.get("prompt_tokens")):
            return prompt, whole(usage.get("completion_tokens")), cached
        if computed is not None:
            return computed + (reused or 0), whole(timings.get("predicted_n")), cached
        return None, None, cached


def _ids(body: dict[str, Any]) -> Ids:
    """Those for calls that a body's conversation goes on with."""
    calls = (call for message in body.get("messages", ()) for call in message.get("tool_calls", ()))
    return Ids([call["id"] for call in calls])


async def _events(answer: StreamedAnswer, end: _End) -> AsyncGenerator[ServerEvent, None]:
    """The events; what goes wrong once the answer is complete is no matter of its reader's."""
    async with aclosing(answer.events()) as events:
        try:
            async for event in events:
                for data in _parts(event.data):
                    yield ServerEvent(event.event, data)
        except HttpFailure:
            if not end.complete:
                raise


def _parts(data: bytes) -> list[bytes]:
    """The objects of one event: servers that put no empty lines between them seem to send one large event."""
    if b"\n" not in data:
        return [data]
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return data.split(b"\n")
    return [data]


def _object(provider: str, model: str, event: ServerEvent) -> dict[str, Any]:
    try:
        data: object = json.loads(event.data)
    except (ValueError, RecursionError):
        data = None
    found = record(data)
    if not isinstance(data, dict):
        raise _not_an_answer(provider, model, event.data)
    if found.get("error") or event.event == "error":
        raise reported(provider, model, found)
    return found


def _answered(provider: str, model: str, answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise refusal(provider, model, answer.status, answer.headers, answer.body)
    found = record(answer.json())
    if found.get("error"):
        raise reported(provider, model, found)
    return found


def _not_an_answer(provider: str, model: str, data: bytes) -> ProviderUnavailable:
    return ProviderUnavailable(provider=provider, cause=f"{model or 'it'} answered with {excerpt(data)}")
