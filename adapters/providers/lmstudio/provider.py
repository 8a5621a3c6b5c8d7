"""The provider port over LM Studio."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial

from ....domain.errors import (
    BursarError,
    InvalidModelId,
    ModelUnloadFailed,
    ModelVanished,
    ProviderAuthFailed,
)
from ....domain.models.values import RAM, Description, Residency
from ....domain.ports import ChatRequest, Chunk
from ....domain.providers.values import Capabilities, Probe
from ...http.port import Http
from ..base import ProviderBase
from ..timeouts import ProviderTimeouts
from ..wire import openai
from ..wire.connecting import connect
from ..wire.truncation import aside, cut
from .abilities import CAPABILITIES, LACKS, PROVENANCE
from .api import Api
from .flights import Flights
from .listing import CONTEXT_TOKENS, PARALLEL, Dialect, Listed, Listing, Loaded
from .loads import Loads

#: A list as old as this is believed before a chat. Whoever unloads by hand within it has the model loaded
#: again, just in time; `_STRAY_TTL_S` sees to it that it does not stay.
_BELIEVED_S = 1.0
#: Time to live of what we had loaded just in time against our will; of no effect on what we loaded.
_STRAY_TTL_S = 60
#: Between two looks at the list for what should be gone from it.
_POLL_S = 0.05


class LmStudioProvider(ProviderBase):
    """Loads and unloads LM Studio's models explicitly, which exempts them from its own eviction.

    `key` is an API token. `context_tokens` is the window of every load (default 4,096, at most the model's).
    `gpu` is the device that memory is charged to, by default main memory. `ttl_s` is for LM Studio before
    0.4.0, which loads what is asked for: after so long without a request it unloads a model again.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:1234",
        *,
        name: str = "lmstudio",
        key: str | None = None,
        context_tokens: int | None = None,
        gpu: str | None = None,
        timeouts: ProviderTimeouts | None = None,
        http: Http | None = None,
        ttl_s: int = 3600,
    ) -> None:
        super().__init__(name)
        self._timeouts = timeouts or ProviderTimeouts()
        self._http = http or connect(url, key, self._timeouts)
        self._context_tokens, self._device, self._ttl_s = context_tokens, gpu or RAM, ttl_s
        limits = self._timeouts
        self._api = Api(self._http, name, status_s=limits.status_s, unload_s=limits.unload_s)
        self._api.heard = self._compare
        late_s = limits.load_s + limits.unload_s
        self._loads = Loads(self._api, name, load_s=limits.load_s, late_s=late_s)
        self._flights = Flights()
        self._leaving: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        """Those of the dialect that it spoke last; none before it spoke."""
        return CAPABILITIES[self._api.dialect]

    async def probe(self) -> Probe:
        """Ask for its list, in the newest dialect that it speaks. There is no version to be had over REST."""
        try:
            listing = await self._api.listing(anew=True)
        except BursarError as error:
            return Probe(
                reachable=isinstance(error, ProviderAuthFailed),
                capabilities=self.capabilities,
                code=error.code,
                cause=str(error.values.get("cause", error)),
            )
        return Probe(
            reachable=True,
            version=_version(listing),
            capabilities=self.capabilities,
            lacks=LACKS[listing.dialect],
        )

    async def catalogue(self) -> tuple[str, ...]:
        """Keys of everything installed."""
        return tuple((await self._api.listing()).models)

    async def describe(self, model: str) -> Description:
        """What a load would be, as far as the list tells: not the cache's size, nor the engine's."""
        listing = await self._api.listing()
        listed = listing.get(model)
        return Description(
            model=model,
            digest=listed.digest,
            engine=_version(listing),
            device=self._device,
            weights_bytes=listed.size_bytes,
            kv_bytes_per_token=0,
            context_tokens=self._window(listed),
            overhead_bytes=0,
            slots=PARALLEL if listing.dialect == "v1" and not listed.embeds else 1,
            provenance=PROVENANCE[listing.dialect],
            most_context_tokens=listed.context_tokens_max if listing.dialect == "v1" else 0,
        )

    async def load(self, description: Description) -> Residency:
        """Load unless it is loaded, and return the window that it really has."""
        if (await self._api.listing(age_s=_BELIEVED_S)).dialect == "v0":
            self.refuse(f"load a model: {LACKS['v0']['load']}")
        return self._residency(await self._loads.load(description), "v1")

    async def unload(self, model: str) -> None:
        """Unload every instance, once our own requests have their answers, and see that they are gone."""
        self._leaving.add(model)
        try:
            listing = await self._api.listing()
            if listing.dialect == "v0":
                self.refuse(f"unload a model: {LACKS['v0']['unload']}")
            if (listed := listing.models.get(model)) and listed.loaded:
                await self._unload(model)
        finally:
            self._leaving.discard(model)

    async def resident(self) -> tuple[Residency, ...]:
        """Everything that the list has in memory."""
        listing = await self._api.listing()
        models = listing.models.values()
        return tuple(self._residency(listed, listing.dialect) for listed in models if listed.loaded)

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer of an instance that is loaded; only the old dialect may load one for it."""
        instance = await self._serving(model)
        body = openai.chat_body(instance.id, request, ttl=self._ttl)
        idle_s = self._timeouts.idle_s
        with self._asking(model):
            chunks = openai.chat_chunks(self._http, self.name, model, body, idle_s=idle_s)
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield await _judged(chunk, request, instance) if chunk.done else chunk

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Ask an instance that is loaded."""
        instance = await self._serving(model)
        with self._asking(model):
            idle_s = self._timeouts.idle_s
            return await openai.embed(
                self._http, self.name, instance.id, texts, timeout_s=idle_s, ttl=self._ttl
            )

    async def close(self) -> None:
        """Close connections. A load that is under way goes on; the next start finds it in memory."""
        await self._loads.close()
        await self._http.close()

    @property
    def _ttl(self) -> int:
        return self._ttl_s if self._api.dialect == "v0" else _STRAY_TTL_S

    def _window(self, listed: Listed) -> int:
        return min(self._context_tokens or CONTEXT_TOKENS, listed.context_tokens_max or CONTEXT_TOKENS)

    async def _serving(self, model: str) -> Loaded:
        """The instance to ask. Raises `ModelVanished` rather than have LM Studio load one."""
        listed = await self._api.listed(model, age_s=_BELIEVED_S)
        if self._api.dialect == "v0":
            return listed.loaded[0] if listed.loaded else Loaded(model, 0, 1)
        if not listed.loaded:
            raise ModelVanished(model=model, cause="LM Studio does not list it as loaded")
        if model in self._leaving:
            raise ModelVanished(model=model, cause="it is being unloaded")
        return self._ours(listed)

    def _ours(self, listed: Listed) -> Loaded:
        """Of several instances the one that we loaded, or else the first."""
        held = self._loads.held.get(listed.key)
        return next((loaded for loaded in listed.loaded if loaded.id == held), listed.loaded[0])

    @contextmanager
    def _asking(self, model: str) -> Generator[None, None, None]:
        """Count a request; errors are of the model, whatever its instance is called."""
        try:
            with self._flights.one(model):
                yield
        except (InvalidModelId, ModelVanished) as gone:
            self._api.forget()
            if self._api.dialect == "v0" and isinstance(gone, InvalidModelId):
                raise
            cause = gone.values.get("cause") or gone.values.get("problem")
            raise ModelVanished(model=model, cause=cause) from gone
        except BursarError as error:
            if error.values.get("model", model) == model:
                raise
            raise type(error)(**{**error.values, "model": model}) from error

    async def _unload(self, model: str) -> None:
        doing = "wait for a load of it"
        try:
            async with asyncio.timeout(self._timeouts.unload_s), self._loads.locks[model]:
                doing = "wait for the requests that it answers"
                await self._flights.landed(model)
                doing = "see it gone from the list"
                await self._unload_all(model)
        except TimeoutError:
            cause = f"{self._timeouts.unload_s:g} s were not enough to {doing}"
            raise ModelUnloadFailed(model=model, cause=cause) from None

    async def _unload_all(self, model: str) -> None:
        asked: set[str] = set()
        while listed := (await self._api.listing()).models.get(model):
            if not listed.loaded:
                return
            instances = [loaded.id for loaded in listed.loaded if loaded.id not in asked]
            asked.update(instances)
            for instance in instances:
                await self._api.unload(model, instance)
            if not instances:
                await asyncio.sleep(_POLL_S)

    def _residency(self, listed: Listed, dialect: Dialect) -> Residency:
        loaded = self._ours(listed)
        several = len(listed.loaded) > 1
        # One takes what was estimated: nothing is measured. Copies that somebody made come on top of that.
        memory = {self._device: listed.size_bytes * len(listed.loaded)} if several else {}
        copies = f", {len(listed.loaded)} instances" if several else ""
        return Residency(
            model=listed.key,
            # Several are not what a load of it comes to: nothing is learnt from them about the next one.
            digest=f"{listed.digest} x{len(listed.loaded)}" if several else listed.digest,
            memory=memory,
            provenance=f"{PROVENANCE[dialect]}{copies}",
            context_tokens=loaded.context_tokens,
            slots=loaded.slots,
            leaving=listed.key in self._leaving or self._loads.undoing(listed.key),
        )

    def _compare(self, listing: Listing) -> None:
        """Tell of what we loaded and others unloaded."""
        for model in sorted(self._loads.held):
            listed = listing.models.get(model)
            if listed is None or not listed.loaded:
                del self._loads.held[model]
                if model not in self._leaving and not self._loads.undoing(model):
                    self.lost(model, "LM Studio does not list it as loaded any more")


def _version(listing: Listing) -> str:
    return f"{listing.dialect} API"


async def _judged(chunk: Chunk, request: ChatRequest, instance: Loaded) -> Chunk:
    """The last chunk, and whether the prompt was cut."""
    if chunk.prompt_tokens is None:
        return chunk
    judge = partial(cut, request.messages, chunk.prompt_tokens, instance.context_tokens)
    return replace(chunk, truncation=await aside(judge, request.messages))
