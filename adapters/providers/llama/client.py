"""The HTTP API of one child."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from ....domain.errors import ProviderUnavailable
from ....domain.ports import ChatRequest, Chunk
from ...http.client import HttpClient
from ...http.failures import HttpFailure
from ...http.limits import Connections, Timeouts
from ..wire.failing import failing
from ..wire.openai import chat_body, chat_chunks
from ..wire.refusals import refusal
from .process import ConnectionLost

#: A long prompt on a slow machine is silent until its first token; llama.cpp pings every 30 s.
_IDLE_S, _POOL_S = 600.0, 600.0


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
        self._http = HttpClient(
            url,
            headers={"Authorization": f"Bearer {key}"},
            timeouts=Timeouts(pool_s=_POOL_S, idle_s=_IDLE_S),
            connections=Connections(most=max(16, 4 * slots)),
        )

    async def window(self) -> Window:
        """Ask what the engine allocated. Raises `ConnectionLost` or what `refusal` makes of it."""
        try:
            answer = await self._http.request("GET", "/props")
            if answer.status != 200:
                raise refusal("llama", self._model, answer.status, answer.headers, answer.body, phase="load")
            props: dict[str, Any] = answer.json()
            slots = int(props["total_slots"])
            return Window(slots, slots * int(props["default_generation_settings"]["n_ctx"]))
        except HttpFailure as broken:
            raise ConnectionLost(str(broken)) from broken
        except (LookupError, TypeError, ValueError) as strange:
            cause = f"it described itself strangely: {strange!r}"
            raise ProviderUnavailable(provider="llama", cause=cause) from strange

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer; raises what `chat_chunks` does."""
        body = chat_body(self._model, request)
        return chat_chunks(self._http, "llama", self._model, body, idle_s=_IDLE_S)

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """The tokens of the text, without those that stand before and after every prompt."""
        with failing("llama", self._model):
            answer = await self._http.request("POST", "/tokenize", json={"content": text})
            if answer.status != 200:
                raise refusal("llama", self._model, answer.status, answer.headers, answer.body)
            try:
                return tuple(int(token) for token in answer.json()["tokens"])
            except (LookupError, TypeError, ValueError) as strange:
                cause = f"it counted tokens strangely: {strange!r}"
                raise ProviderUnavailable(provider="llama", cause=cause) from strange

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
