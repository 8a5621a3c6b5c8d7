"""The HTTP API of one child."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx

from ....domain.errors import BursarError, ContextTooLarge, ProviderUnavailable
from ....domain.ports import ChatRequest, Chunk
from .process import ConnectionLost

#: A long prompt on a slow machine is silent until its first token; llama.cpp pings every 30 s.
_READ_S, _CONNECT_S, _POOL_S = 600.0, 10.0, 600.0
_LINE_BYTES_MAX = 1 << 20
_BODY_BYTES_MAX = 1 << 16
_EXCERPT_BYTES = 300
_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Window:
    """What the engine really allocated."""

    slots: int
    #: Of all slots together.
    context_tokens: int


class Client:
    """Talks to the child that holds `model`."""

    def __init__(self, model: str, url: str, key: str, slots: int) -> None:
        self._model = model
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={
                "Authorization": f"Bearer {key}",
                "Accept-Encoding": "identity",
                "Connection": "close",
            },
            timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S, pool=_POOL_S),
            # No connection is used twice: after an answer that took seconds llama.cpp closes it without a
            # word, and the next request would fail. On loopback a new one costs a tenth of a millisecond.
            limits=httpx.Limits(max_connections=max(16, 4 * slots), max_keepalive_connections=0),
            trust_env=False,
            follow_redirects=False,
            # Plain HTTP on loopback; reading the machine's certificates would take longer than a load.
            verify=False,  # noqa: S501 there is nothing to verify
        )

    async def window(self) -> Window:
        """Ask what the engine allocated. Raises `ConnectionLost` or `ProviderUnavailable`."""
        try:
            answer = await self._http.get("/props")
            answer.raise_for_status()
            props: dict[str, Any] = answer.json()
            slots = int(props["total_slots"])
            return Window(slots, slots * int(props["default_generation_settings"]["n_ctx"]))
        except httpx.TransportError as broken:
            raise ConnectionLost(_describe(broken)) from broken
        except (httpx.HTTPError, LookupError, TypeError, ValueError) as strange:
            raise _unavailable(f"it described itself strangely: {strange!r}") from strange

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer. Raises `ContextTooLarge`, `ProviderUnavailable` or `ConnectionLost`."""
        finish_reason: str | None = None
        usage: dict[str, Any] = {}
        try:
            async with self._http.stream("POST", "/v1/chat/completions", json=_body(request)) as response:
                if response.status_code != 200:
                    raise self._refusal(response.status_code, await _excerpt(response))
                async with aclosing(_events(response)) as events:
                    async for event in events:
                        if event == _DONE:
                            break
                        text, reason, counts = self._read(event)
                        finish_reason, usage = reason or finish_reason, counts or usage
                        if text:
                            yield Chunk(text=text)
                    if finish_reason is None:
                        raise ConnectionLost("the answer ended before it was complete")
                    yield _last_chunk(finish_reason, usage)
        except httpx.TransportError as broken:
            raise ConnectionLost(_describe(broken)) from broken

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _read(self, event: bytes) -> tuple[str, str | None, dict[str, Any]]:
        """Text, finish reason and usage of one event; an error may come as an event too."""
        try:
            data: dict[str, Any] = json.loads(event)
            if "error" in data:
                raise self._refusal(200, event)
            usage: dict[str, Any] = data.get("usage") or dict[str, Any]()
            if not data["choices"]:
                return "", None, usage
            choice: dict[str, Any] = data["choices"][0]
            return choice["delta"].get("content") or "", choice.get("finish_reason"), usage
        except (AttributeError, LookupError, TypeError, ValueError) as strange:
            raise _unavailable(f"{self._model} answered with {_cut(event)}") from strange

    def _refusal(self, status: int, body: bytes) -> BursarError:
        try:
            error: dict[str, Any] = json.loads(body)["error"]
            if error["type"] == "exceed_context_size_error":
                tokens, window = int(error["n_prompt_tokens"]), int(error["n_ctx"])
                return ContextTooLarge(prompt_tokens=tokens, model=self._model, context_tokens=window)
            cause = _cut(str(error["message"]).encode())
        except (LookupError, TypeError, ValueError):
            cause = _cut(body)
        return _unavailable(f"{self._model} answered with status {status}: {cause}")


def _body(request: ChatRequest) -> dict[str, Any]:
    optional = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "stop": list(request.stop) or None,
    }
    return {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in optional.items() if value is not None},
    }


async def _events(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The data of each server-sent event; comments, such as pings, are left out."""
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _LINE_BYTES_MAX:
            raise _unavailable(f"it sent a line of more than {_LINE_BYTES_MAX} bytes")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()


async def _excerpt(response: httpx.Response) -> bytes:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) >= _BODY_BYTES_MAX:
            break
    return body


def _last_chunk(finish_reason: str, usage: dict[str, Any]) -> Chunk:
    return Chunk(
        done=True,
        finish_reason=finish_reason,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
    )


def _cut(text: bytes) -> str:
    return " ".join(text[:_EXCERPT_BYTES].decode("utf-8", "replace").split())


def _describe(broken: httpx.TransportError) -> str:
    return f"{type(broken).__name__} {broken}".strip()


def _unavailable(cause: str) -> ProviderUnavailable:
    return ProviderUnavailable(provider="llama", cause=cause)
