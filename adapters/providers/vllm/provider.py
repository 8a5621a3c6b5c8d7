"""The provider port over a server of vLLM's."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from ....domain.errors import (
    BursarError,
    InvalidModelId,
    ModelVanished,
    ProviderBusy,
    Unsupported,
)
from ....domain.models.values import RAM, Description, Residency
from ....domain.ports import ChatRequest, Chunk
from ....domain.providers.values import Capabilities, Probe
from ...http.port import Http
from ..base import ProviderBase
from ..openai.listing import window
from ..timeouts import ProviderTimeouts
from ..wire.connecting import connect
from ..wire.fields import string
from ..wire.openai import chat_body, chat_chunks, embed, list_models
from . import calls
from .gate import Gate
from .sleeping import Level, Sleeping

_LACKS = {
    "load": "a server of vLLM's has the model it was started with",
    "unload": "the model goes when its server ends",
    "measure_memory": "it reserves a share of the card when it starts, whatever the model takes",
    "kv_save": "vLLM has no call for it",
    "progress": "nothing is loaded while it runs",
}
_NO_SLEEP = {"sleep": "it was started without VLLM_SERVER_DEV_MODE=1, so that it has no calls for it"}


class VllmProvider(ProviderBase):
    """Uses the model of a running server, and has it sleep and wake where the server can.

    `reserved_bytes` is what the server reserved on `gpu` when it started (`--gpu-memory-utilization` times
    the card's memory), which it does not tell. `sleep_level` 1 keeps the weights in main memory, 2 has them
    read again. `context_tokens` is the window of one request where the server does not say, and `slots` how
    many requests are sent at once.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        name: str = "vllm",
        key: str | None = None,
        context_tokens: int | None = None,
        slots: int = 16,
        gpu: str | None = None,
        reserved_bytes: int | None = None,
        sleep_level: Level = 1,
        timeouts: ProviderTimeouts | None = None,
        http: Http | None = None,
    ) -> None:
        super().__init__(name)
        self._timeouts = timeouts or ProviderTimeouts()
        self._http = http or connect(url, key, self._timeouts)
        self._context_tokens, self._slots = context_tokens or 0, slots
        self._device, self._reserved = gpu or RAM, reserved_bytes
        self._sleeping = Sleeping(self._http, name, self._timeouts)
        self._sleep_level: Level = sleep_level
        #: Level of the sleep that we asked for; None when somebody else did, or it is awake.
        self._level: Level | None = None
        #: Whether the server has the calls for it; None until it was asked.
        self._can_sleep: bool | None = None
        self._gate = Gate()
        #: A sleep that failed may begin all the same until then (the loop's time).
        self._late_until = 0.0
        #: Held while it falls asleep or wakes.
        self._moving = asyncio.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What its development mode adds was found out by the last probe."""
        return Capabilities(tokenize=True, embeddings=True, sleep=bool(self._can_sleep))

    async def probe(self) -> Probe:
        """Ask for its health, its models (which needs the key) and its version, and whether it can sleep."""
        try:
            await calls.health(self._http, self.name, self._timeouts.status_s)
            await self._listed()
            version = await self._version()
            await self._asleep()
        except BursarError as error:
            return Probe(reachable=False, lacks=_LACKS, code=error.code, cause=str(error))
        can = self.capabilities
        lacks = _LACKS if can.sleep else {**_LACKS, **_NO_SLEEP}
        return Probe(reachable=True, version=version, capabilities=can, lacks=lacks)

    async def catalogue(self) -> tuple[str, ...]:
        """Its model, under each of its names, and the adapters on top of it."""
        return tuple(sorted(await self._listed()))

    async def describe(self, model: str) -> Description:
        """What is reserved for it, as far as we were told. Raises `InvalidModelId`."""
        listed = await self._entry(model)
        return Description(
            model=model,
            digest=_digest(listed),
            engine=await self._version(),
            device=self._device,
            weights_bytes=0,
            kv_bytes_per_token=0,
            context_tokens=self._window(listed),
            overhead_bytes=sum(self._memory(listed).values()),
            slots=self._slots,
            provenance=self._provenance,
        )

    async def load(self, description: Description) -> Residency:
        """Refuse."""
        self.refuse(f"load a model ({_LACKS['load']})")

    async def unload(self, model: str) -> None:
        """Refuse."""
        self.refuse(f"unload a model ({_LACKS['unload']})")

    async def resident(self) -> tuple[Residency, ...]:
        """All its names; asleep, they take nothing of the card. What must be woken by us counts as asleep."""
        listed = await self._listed()
        asleep = bool(await self._asleep())
        found = (self._residency(listed[name], asleep=asleep) for name in sorted(listed))
        return tuple(each.model_copy(update={"asleep": asleep or not self._gate.open}) for each in found)

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer. Raises `ModelVanished` while it sleeps, and sends nothing then."""
        async with self._awake(model):
            body = chat_body(model, request)
            stream = chat_chunks(self._http, self.name, model, body, idle_s=self._timeouts.idle_s)
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """A vector for each text, of a server that was started for that. Raises `ModelVanished` as `chat`."""
        async with self._awake(model):
            return await embed(self._http, self.name, model, texts, timeout_s=self._timeouts.idle_s)

    async def tokenize(self, model: str, text: str) -> tuple[int, ...]:
        """The tokens of a text; the server counts without its engine, which may sleep."""
        return await calls.tokenize(self._http, self.name, model, text, self._timeouts.status_s)

    async def sleep(self, model: str) -> Residency:
        """Let what we sent be answered, wait for what others sent, and put it to sleep.

        Raises `ProviderBusy` when that takes longer than an unload may. From the moment it is asked for,
        nothing is sent until a wake-up succeeded or it is seen awake, unless the server refused to sleep.
        """
        async with self._moving:
            listed = await self._entry(model)
            asleep = await self._asleep()
            if asleep is None:
                self.refuse(f"put a model to sleep ({_NO_SLEEP['sleep']})")
            self._gate.open = False
            if not asleep:
                await self._fall_asleep(model)
            return self._residency(listed, asleep=True)

    async def wake(self, model: str) -> Residency:
        """Wake it, and return once it says that it is awake. Who put it to sleep does not matter."""
        async with self._moving:
            listed = await self._entry(model)
            asleep = await self._asleep()
            if asleep is None:
                self.refuse(f"wake a model ({_NO_SLEEP['sleep']})")
            if asleep or not self._gate.open:
                # Of another's sleep the level is unknown: what wakes from the second wakes from both.
                await self._sleeping.wake(model, self._level or 2)
            self._level = None
            self._gate.open = True
            return self._residency(listed, asleep=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _fall_asleep(self, model: str) -> None:
        try:
            await self._drain(model)
        except BaseException:
            self._gate.open = True
            raise
        self._level = self._sleep_level
        try:
            await self._sleeping.sleep(model, self._sleep_level)
        except Unsupported:
            self._gate.open = True
            raise
        except BaseException:
            self._late_until = asyncio.get_running_loop().time() + self._timeouts.unload_s
            raise

    async def _drain(self, model: str) -> None:
        try:
            async with asyncio.timeout(self._timeouts.unload_s):
                await self._gate.empty()
        except TimeoutError:
            cause = f"{model} cannot be put to sleep, it still answers"
            raise ProviderBusy(provider=self.name, cause=cause, retry_after_ms=None) from None
        await self._sleeping.idle(model)

    @asynccontextmanager
    async def _awake(self, model: str) -> AsyncGenerator[None, None]:
        """For a block that needs the engine: it would not survive being asked while it sleeps."""
        if not self._gate.open and (self._moving.locked() or await self._asleep() or not self._gate.open):
            raise ModelVanished(model=model, cause="it sleeps; wake it first")
        with self._gate.passing():
            if self._can_sleep is not False and await self._asleep():
                raise ModelVanished(model=model, cause="somebody else put it to sleep; wake it first")
            yield

    async def _asleep(self) -> bool | None:
        """Whether it sleeps; None where it cannot."""
        asleep = await self._sleeping.asleep()
        self._can_sleep = asleep is not None
        late = asyncio.get_running_loop().time() < self._late_until
        if not asleep and self._level == 1 and not self._moving.locked() and not late:
            # We put it to sleep and it is awake: another process by now, or somebody else woke it. After the
            # second level he might not have had the weights read again: that one we wake ourselves.
            self._level, self._gate.open = None, True
        return asleep

    async def _listed(self) -> dict[str, dict[str, Any]]:
        models = await list_models(self._http, self.name, timeout_s=self._timeouts.status_s)
        return {model["id"]: model for model in models}

    async def _entry(self, model: str) -> dict[str, Any]:
        listed = await self._listed()
        if model not in listed:
            raise InvalidModelId(
                model=model, problem=f"{self.name} serves {', '.join(sorted(listed)) or 'none'}"
            )
        return listed[model]

    async def _version(self) -> str:
        return await calls.version(self._http, self.name, self._timeouts.status_s)

    def _residency(self, listed: dict[str, Any], *, asleep: bool) -> Residency:
        return Residency(
            model=listed["id"],
            digest=_digest(listed),
            memory=dict.fromkeys(self._memory(listed), 0) if asleep else self._memory(listed),
            provenance=self._provenance,
            context_tokens=self._window(listed),
            slots=self._slots,
            asleep=asleep,
        )

    def _memory(self, listed: dict[str, Any]) -> dict[str, int]:
        """What was reserved for all; an adapter on top of the model takes no more."""
        if self._reserved is None or listed.get("parent") is not None:
            return {}
        return {self._device: self._reserved}

    @property
    def _provenance(self) -> str:
        return (
            "reserved statically" if self._reserved is not None else "reserved statically, unknown how much"
        )

    def _window(self, listed: dict[str, Any]) -> int:
        """The tokens of all requests that are sent at once."""
        return (window(listed) or self._context_tokens) * self._slots


def _digest(listed: dict[str, Any]) -> str:
    """What its weights are read from; the server knows no sum of them."""
    return string(listed.get("root")) or string(listed.get("id"))
