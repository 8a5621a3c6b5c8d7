"""The provider port over Ollama."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ....domain.errors import (
    BursarError,
    ContextTooLarge,
    InvalidModelId,
    ModelVanished,
    OutOfMemory,
    ProviderBusy,
    ProviderUnavailable,
    Unsupported,
)
from ....domain.models.values import Description, Residency
from ....domain.ports import ChatRequest, Chunk
from ....domain.providers.values import Capabilities, Probe
from ...http.port import Http
from ..base import ProviderBase
from ..timeouts import ProviderTimeouts
from ..wire.connecting import connect
from ..wire.fields import string, whole
from ..wire.vectors import read_vectors
from .answers import chat_body, chat_chunks
from .api import Api
from .known import Known, Models, residency
from .loading import Loading
from .running import Entry
from .shown import Placing, describe, read_shown
from .store import is_here, store_folder, weights_file

URL = "http://127.0.0.1:11434"


class OllamaProvider(ProviderBase):
    """Loads, measures, asks and unloads the models of an Ollama.

    `context_tokens` is the window of one request, by default what the model's Modelfile says, or 4096.
    `slots` is the server's OLLAMA_NUM_PARALLEL and `kv_type` its OLLAMA_KV_CACHE_TYPE: it tells neither.
    `gpu` is the device that memory on the graphics card is charged to.
    """

    def __init__(
        self,
        url: str = URL,
        *,
        name: str = "ollama",
        key: str | None = None,
        context_tokens: int | None = None,
        slots: int = 1,
        kv_type: str = "f16",
        gpu: str | None = None,
        timeouts: ProviderTimeouts | None = None,
        http: Http | None = None,
    ) -> None:
        super().__init__(name)
        self._timeouts = timeouts or ProviderTimeouts()
        self._http = http or connect(url, key, self._timeouts)
        self._api = Api(self._http, name, status_s=self._timeouts.status_s)
        self._models = Models()
        self._loading = Loading(self._api, self._timeouts, self._models.crowding)
        self._placing = Placing(context_tokens, slots, kv_type, gpu)
        self._here = is_here(url)
        self._api.heard = self._models.note

    @property
    def capabilities(self) -> Capabilities:
        """Those of the version that answered last; of a recent one before any did."""
        return self._api.version.capabilities

    async def probe(self) -> Probe:
        """Ask for the version. That loads would succeed, only loads can show; see `Loading.stuck`."""
        lacks = self._api.version.lacks
        try:
            version = await self._api.ask_version()
        except BursarError as error:
            away = not isinstance(error, ProviderBusy)
            return Probe(reachable=not away, lacks=lacks, code=error.code, cause=str(error))
        stuck = self._loading.stuck
        return Probe(
            reachable=True,
            version=version.text,
            capabilities=version.capabilities,
            lacks=version.lacks,
            code="PROVIDER_TIMEOUT" if stuck else "",
            cause=stuck,
            max_loaded=self._models.crowding.limit,
        )

    async def catalogue(self) -> tuple[str, ...]:
        """What is installed, with tags."""
        tags = await self._api.tags()
        return tuple(sorted({name for tag in tags if (name := string(tag.get("name")))}))

    async def describe(self, model: str) -> Description:
        """What `/api/tags` and `/api/show` say. Raises `InvalidModelId`."""
        tag = await self._api.tag(model)
        known = await self._known(model)
        known.digest, known.size = string(tag.get("digest")), whole(tag.get("size")) or 0
        if not self._api.version.text:
            await self._api.ask_version()
        engine = f"ollama {self._api.version.text}"
        assert known.shown is not None  # noqa: S101 - `_known` has just asked
        return describe(model, tag, known.shown, engine, self._placing)

    async def load(self, description: Description) -> Residency:
        """Load with the window of `description`, and return once Ollama lists it.

        One that is loaded like that already is left as it is; Ollama itself replaces one that is not.
        """
        model = description.model
        known = await self._known(model)
        async with known.lock:
            known.name, known.digest = model, known.digest or description.digest
            known.asked, known.granted = description.context_tokens // self._placing.slots, 0
            known.ends = True
            if known.shown and known.shown.remote:
                known.here = True
                return self._elsewhere(known)
            entry = await self._loading.load(known)
            known.here, known.granted = True, entry.context
            return residency(entry, known, self._placing, self._provenance(entry, known))

    async def unload(self, model: str) -> None:
        """Unload, and return once Ollama does not list it any more."""
        known = self._models.seen(model) or Known(model)
        async with known.lock:
            known.going = True
            try:
                if not (known.shown and known.shown.remote):
                    await self._loading.unload(known)
                known.here = False
            finally:
                known.going = False

    async def resident(self) -> tuple[Residency, ...]:
        """What it lists, whoever loaded it, and models elsewhere that were loaded by name.

        What we are loading is left out: before 0.30 it is listed before it answers.
        """
        entries = await self._api.running()
        found = {known.name: (entry, known) for entry in entries for known in [self._models.of(entry)]}
        here = [
            residency(entry, known, self._placing, self._provenance(entry, known))
            for entry, known in found.values()
            if not known.loading
        ]
        remote = [each for each in self._models.models.values() if each.shown and each.shown.remote]
        elsewhere = [self._elsewhere(known) for known in remote if known.here]
        return tuple(sorted([*here, *elsewhere], key=lambda one: one.model))

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer. A model that is not in memory is not asked: Ollama would load it."""
        known = await self._in_memory(model)
        body = chat_body(request, known.common(), self._api.version)
        answer = chat_chunks(self._api, model, request, body, known.window, idle_s=self._timeouts.idle_s)
        try:
            async with aclosing(answer) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ContextTooLarge as error:
            raise _with_window(error, known) from error
        except BursarError as error:
            self._doubt(known, error)
            raise

    def model_file(self, model: str) -> str | None:
        """The blob with its weights, where the server runs on this machine and its store can be read."""
        return weights_file(store_folder(), model) if self._here else None

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """A vector for each text, from a model that makes nothing else.

        Others are refused: since 0.30 Ollama loads them anew for it, and anew for the next chat.
        """
        if "embeddings" not in self.capabilities.names:
            self.refuse(f"make embeddings ({self._api.version.lacks['embeddings']})")
        known = await self._known(model)
        if known.shown and "completion" in known.shown.abilities:
            self.refuse(f"make embeddings with {model}, a model for answers: it would load it anew for that")
        await self._in_memory(model)
        if not texts:
            return ()
        body = {**known.common(), "input": list(texts), "truncate": False}
        body.pop("shift", None)
        try:
            answer = await self._api.post("/api/embed", body, model, timeout_s=self._timeouts.idle_s)
        except ContextTooLarge as error:
            raise _with_window(error, known) from error
        except BursarError as error:
            self._doubt(known, error)
            raise
        vectors = read_vectors(answer.get("embeddings"), len(texts))
        if vectors is None:
            raise ProviderUnavailable(provider=self.name, cause=f"{model} did not answer with vectors")
        return vectors

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _known(self, model: str) -> Known:
        """What is known of the model, asked for once. Raises `InvalidModelId`."""
        known = self._models.seen(model)
        if known is None or known.shown is None:
            shown = read_shown(await self._api.show(model))
            known = self._models.get(model)
            known.shown = shown
        return known

    async def _in_memory(self, model: str) -> Known:
        """Raises `ModelVanished` where it is not, after asking."""
        await self._loading.settled()
        known = self._models.seen(model)
        if known is None or not known.here:
            await self.resident()
            known = self._models.seen(model)
        if known is None or not known.here:
            raise ModelVanished(model=model, cause="it is not in memory")
        return known

    def _doubt(self, known: Known, error: BursarError) -> None:
        """After an error that may mean that it is gone, the next to need it asks whether it is there."""
        if isinstance(error, (ProviderBusy, Unsupported)):
            return
        known.here = False
        if isinstance(error, OutOfMemory):
            # Ollama lets all of them go then.
            self._models.forget_residents()
        if isinstance(error, InvalidModelId):
            known.shown = None

    def _provenance(self, entry: Entry, known: Known) -> str:
        """Since 0.30 sizes are read from a log, and are the file's where that cannot be read."""
        sizes = {entry.size, entry.size_vram, known.size}
        unread = len(sizes) == 1 and self._api.version.since(0, 30)
        return "file_size" if unread else "ollama ps"

    def _elsewhere(self, known: Known) -> Residency:
        """A model that runs on another machine takes no memory of this one."""
        return Residency(
            model=known.name,
            digest=known.digest,
            memory={},
            provenance="it runs elsewhere",
            context_tokens=known.asked * self._placing.slots,
            slots=self._placing.slots,
        )


def _with_window(error: ContextTooLarge, known: Known) -> ContextTooLarge:
    """Ollama does not say how long the window is."""
    window = error.values["context_tokens"]
    if window == "unknown" and known.window:
        window = known.window
    return ContextTooLarge(**{**error.values, "context_tokens": window})
