"""The provider port over any server with OpenAI's API."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from ....domain.errors import BursarError, InvalidModelId, Unsupported
from ....domain.models.values import RAM, Description, Residency
from ....domain.ports import ChatRequest, Chunk
from ....domain.providers.values import Capabilities, Probe
from ...http.port import Http
from ..base import ProviderBase
from ..timeouts import ProviderTimeouts
from ..wire.connecting import connect
from ..wire.openai import chat_body, chat_chunks, embed, list_models
from ..wire.truncation import aside, cut
from .listing import window

_CAPABILITIES = Capabilities(embeddings=True)
_NO_SUCH_CALL = "OpenAI's API has no call for it"
_LACKS = {name: _NO_SUCH_CALL for name in Capabilities.model_fields if name not in _CAPABILITIES.names}


class OpenAIProvider(ProviderBase):
    """Uses the models that a server lists. What of it is in memory, nobody says: it is assumed to be all.

    A server that does not serve the list is asked for any name, and says itself when it has no such model.
    `context_tokens` is the window of one request where the server does not say, and `slots` how many requests
    are sent to a model at once. `gpu` is the device on which it would take memory, if it said that it does.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "openai:default",
        key: str | None = None,
        context_tokens: int | None = None,
        slots: int = 8,
        gpu: str | None = None,
        timeouts: ProviderTimeouts | None = None,
        http: Http | None = None,
    ) -> None:
        super().__init__(name)
        self._timeouts = timeouts or ProviderTimeouts()
        self._http = http or connect(url, key, self._timeouts)
        self._context_tokens, self._slots, self._device = context_tokens or 0, slots, gpu or RAM
        #: Names taken on trust, because there is no list that they could be on.
        self._trusted: set[str] = set()
        #: Windows by the last list, in tokens.
        self._windows: dict[str, int] = {}

    @property
    def capabilities(self) -> Capabilities:
        """Answers and vectors, and nothing about memory."""
        return _CAPABILITIES

    async def probe(self) -> Probe:
        """Ask for the list of models."""
        try:
            await self._listed()
        except BursarError as error:
            return Probe(reachable=False, lacks=_LACKS, code=error.code, cause=str(error))
        return Probe(reachable=True, capabilities=_CAPABILITIES, lacks=_LACKS)

    async def catalogue(self) -> tuple[str, ...]:
        """The names it lists, and those taken on trust where it lists none."""
        listed = await self._listed()
        return tuple(sorted(self._trusted if listed is None else listed))

    async def describe(self, model: str) -> Description:
        """What the list says, which is its window at most. Raises `InvalidModelId` for what is not on it."""
        listed = await self._listed()
        if listed is None:
            self._trusted.add(model)
        elif model not in listed:
            raise InvalidModelId(model=model, problem=f"{self.name} does not list it")
        return Description(
            model=model,
            digest=self._digest(model),
            engine="openai",
            device=self._device,
            weights_bytes=0,
            kv_bytes_per_token=0,
            context_tokens=self._window((listed or {}).get(model, {})),
            overhead_bytes=0,
            slots=self._slots,
            provenance="assumed",
        )

    async def load(self, description: Description) -> Residency:
        """Refuse."""
        self.refuse(f"load a model ({_NO_SUCH_CALL})")

    async def unload(self, model: str) -> None:
        """Refuse."""
        self.refuse(f"unload a model ({_NO_SUCH_CALL})")

    async def resident(self) -> tuple[Residency, ...]:
        """All that could be asked, as nobody says what is in memory."""
        listed = await self._listed()
        known = {name: dict[str, Any]() for name in self._trusted} if listed is None else listed
        return tuple(self._residency(model, known[model]) for model in sorted(known))

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer."""
        body = chat_body(model, request)
        stream = chat_chunks(self._http, self.name, model, body, idle_s=self._timeouts.idle_s)
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                yield await self._judged(model, request, chunk) if chunk.done else chunk

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """A vector for each text."""
        return await embed(self._http, self.name, model, texts, timeout_s=self._timeouts.idle_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _judged(self, model: str, request: ChatRequest, last: Chunk) -> Chunk:
        """The last chunk, with what is missing of the prompt: behind the API may be one that cuts it."""
        if last.prompt_tokens is None:
            return last
        context = self._windows.get(model) or self._context_tokens
        judge = partial(cut, request.messages, last.prompt_tokens, context)
        return replace(last, truncation=await aside(judge, request.messages))

    async def _listed(self) -> dict[str, dict[str, Any]] | None:
        """Entries by name; None where the list is not served."""
        try:
            models = await list_models(self._http, self.name, timeout_s=self._timeouts.status_s)
        except Unsupported:
            return None
        self._windows = {model["id"]: window(model) for model in models}
        return {model["id"]: model for model in models}

    def _residency(self, model: str, listed: dict[str, Any]) -> Residency:
        return Residency(
            model=model,
            digest=self._digest(model),
            memory={},
            provenance="assumed",
            context_tokens=self._window(listed),
            slots=self._slots,
        )

    def _window(self, listed: dict[str, Any]) -> int:
        """The tokens of all requests that are sent at once."""
        return (window(listed) or self._context_tokens) * self._slots

    def _digest(self, model: str) -> str:
        """Nobody says what the weights are: a name on a server stands for itself alone."""
        return f"{self.name}:{model}"
