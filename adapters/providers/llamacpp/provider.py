"""The provider port over llama.cpp's own server."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from ....domain.errors import (
    BursarError,
    ModelVanished,
    ProviderBusy,
    ProviderTimeout,
    ProviderUnavailable,
    Unsupported,
)
from ....domain.models.values import RAM, Description, Residency
from ....domain.ports import ChatRequest, Chunk
from ....domain.providers.values import Capabilities, Probe
from ...http.port import Http
from ..base import ProviderBase
from ..timeouts import ProviderTimeouts
from ..wire.connecting import connect
from ..wire.fields import string, whole
from ..wire.openai import chat_body, chat_chunks, embed
from ..wire.truncation import aside, cut
from .api import Api
from .quiet import Quiet
from .reading import Props, is_loading, items, read_props
from .router import Router
from .single import Single
from .sizes import Placing


class LlamaCppServer(ProviderBase):
    """A llama-server at `url`, with one model or as a router: it says which when it is first asked.

    Models are called as the server lists them. Of memory it says nothing: descriptions estimate what a model
    takes of `gpu`, or of main memory, and residencies have none. Windows are the server's to choose;
    `context_tokens` is what a slot is expected to get where that cannot be known before the first load.

    A model that fell asleep stays resident with nothing in memory; whatever it is asked wakes it, and costs a
    load. `tokenize`, `embed` and the calls about slots do that, too.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        *,
        name: str = "llamacpp",
        key: str | None = None,
        context_tokens: int | None = None,
        gpu: str | None = None,
        timeouts: ProviderTimeouts | None = None,
        http: Http | None = None,
    ) -> None:
        super().__init__(name)
        self._placing = Placing(url, gpu or RAM, context_tokens or 0)
        self._timeouts = timeouts or ProviderTimeouts()
        self._http = Quiet(http or connect(url, key, self._timeouts))
        self._api = Api(name, self._http, self._timeouts)
        self._server: Single | Router | None = None
        self._capabilities = Capabilities()

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as of the last probe."""
        return self._capabilities

    async def probe(self) -> Probe:
        """Ask what it is and what it can do. One that is loading is reachable, and busy."""
        try:
            props = await self._props()
            self._server = self._served_by(props)
            self._capabilities, lacks = await self._server.abilities(props)
        except BursarError as problem:
            return Probe(
                reachable=not isinstance(problem, (ProviderUnavailable, ProviderTimeout)),
                capabilities=self._capabilities,
                code=problem.code,
                cause=str(problem.values.get("cause", problem)),
            )
        return Probe(
            reachable=True,
            version=props.build_info,
            capabilities=self._capabilities,
            lacks=lacks,
            note=_caution(props),
        )

    async def catalogue(self) -> tuple[str, ...]:
        """Names of the models that it has, sorted."""
        return await (await self._found()).catalogue()

    async def describe(self, model: str) -> Description:
        """What is known of a model."""
        return await (await self._found()).describe(model)

    async def load(self, description: Description) -> Residency:
        """Load; with the window that the router was told of, which is read afterwards."""
        return await (await self._router("load a model: it has one, which comes with its process")).load(
            description.model
        )

    async def unload(self, model: str) -> None:
        """Unload; proven by the router's list."""
        await (await self._router("unload its model, which goes with its process")).unload(model)

    async def resident(self) -> tuple[Residency, ...]:
        """What is in memory or asleep; what is loading is not."""
        try:
            return await (await self._found()).resident()
        except ProviderBusy as busy:
            if is_loading(busy):
                return ()
            raise

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Continue a conversation."""
        server = await self._found()
        await server.check(model)
        body = chat_body(model, request)
        idle_s = self._timeouts.idle_s
        try:
            async with aclosing(chat_chunks(self._http, self.name, model, body, idle_s=idle_s)) as chunks:
                async for chunk in chunks:
                    yield await _judged(chunk, request, server.window(model)) if chunk.done else chunk
        except ProviderUnavailable as broken:
            if isinstance(server, Single):
                server.forget()
            elif await server.has_lost(model):
                raise ModelVanished(model=model, cause=str(broken.values["cause"])) from broken
            raise

    async def tokenize(self, model: str, text: str) -> tuple[int, ...]:
        """Its tokens, without those that begin and end a prompt. Wakes a sleeping model."""
        await (await self._found()).check(model)
        body = {"model": model, "content": text}
        answer = await self._api.post("/tokenize", body, model=model, timeout_s=self._timeouts.idle_s)
        numbers = [whole(token) for token in items(answer.get("tokens"))]
        return tuple(number for number in numbers if number is not None)

    async def prompt_tokens(self, model: str, request: ChatRequest) -> int:
        """How many tokens a conversation has as a prompt, template and all. Wakes a sleeping model.

        Asks for the number where the version knows how to tell it, and otherwise applies the template and
        counts, which may leave out a token that stands before every prompt.
        """
        whole_body = chat_body(model, request)
        body = {key: value for key, value in whole_body.items() if key in ("model", "messages", "tools")}
        await (await self._found()).check(model)
        timeout_s = self._timeouts.idle_s
        try:
            path = "/v1/chat/completions/input_tokens"
            answer = await self._api.post(path, body, model=model, timeout_s=timeout_s)
            return whole(answer.get("input_tokens")) or 0
        except Unsupported:
            answer = await self._api.post("/apply-template", body, model=model, timeout_s=timeout_s)
            return len(await self.tokenize(model, string(answer.get("prompt"))))

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """A vector for each text."""
        if not self._capabilities.embeddings:
            self.refuse("make embeddings: it was started without --embeddings, or without a way to pool them")
        await (await self._found()).check(model)
        return await embed(self._http, self.name, model, texts, timeout_s=self._timeouts.idle_s)

    async def save_kv(self, model: str, name: str, *, slot: int = 0) -> int:
        """Write a slot to a file below the server's `--slot-save-path`; `name` has no folders."""
        return await self._slot(model, slot, "save", name, "n_saved")

    async def restore_kv(self, model: str, name: str, *, slot: int = 0) -> int:
        """Read it back. Success does not mean that it is used (llama.cpp issue 26676): only
        `Chunk.cached_tokens` of the next answer tells, and 0 there means that all was computed again.
        """
        return await self._slot(model, slot, "restore", name, "n_restored")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def _slot(self, model: str, slot: int, action: str, filename: str, count: str) -> int:
        if not self._capabilities.kv_save:
            self.refuse("save keys and values: it was started without --slot-save-path")
        await (await self._found()).check(model)
        answer = await self._api.post(
            f"/slots/{slot}",
            {"model": model, "filename": filename},
            {"action": action},
            model=model,
            # It waits until the slot is free.
            timeout_s=self._timeouts.idle_s,
        )
        return whole(answer.get(count)) or 0

    async def _found(self) -> Single | Router:
        if self._server is None:
            self._server = self._served_by(await self._props())
        return self._server

    async def _router(self, what: str) -> Router:
        server = await self._found()
        if isinstance(server, Single):
            self.refuse(what)
        return server

    async def _props(self) -> Props:
        props = read_props(await self._api.get("/props"))
        if props is None:
            raise ProviderUnavailable(provider=self.name, cause="what answers there is no llama-server")
        return props

    def _served_by(self, props: Props) -> Single | Router:
        if self._server is not None and self._server.is_still(props):
            return self._server
        return (Router if props.router else Single)(self._api, props, self._placing)


async def _judged(last: Chunk, request: ChatRequest, window: int) -> Chunk:
    """The last chunk, with what was cut: a recent llama-server refuses, old ones with --context-shift cut."""
    if last.prompt_tokens is None:
        return last
    judge = partial(cut, request.messages, last.prompt_tokens, window)
    return replace(last, truncation=await aside(judge, request.messages))


def _caution(props: Props) -> str:
    """What the version found is known to do wrong; empty for nothing."""
    if not props.kills_busy:
        return ""
    return (
        f"this router ({props.build_info}) ends models that are answering to make room for others; "
        "from b10313 on it waits until they are idle"
    )
