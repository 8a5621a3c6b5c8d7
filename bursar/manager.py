"""The ResourceManager: what users call."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import Any, Literal, Unpack, cast, get_args, overload

from .chat import Answer, ChatOptions, ChatStream, read_options
from .contexts.handle import OpensContexts
from .contexts.shell import Contexts
from .domain.errors import (
    BursarError,
    InvalidModelId,
    ManagerClosed,
    ModelUnloadFailed,
    ModelVanished,
    Unsupported,
)
from .domain.events import Body, Event
from .domain.host.events import SettingsChanged
from .domain.models.events import (
    FreeRequested,
    ModelLoadFailed,
    ModelLost,
    ModelSlept,
    ModelUnloaded,
    ModelWakeFailed,
    PinChanged,
    ResourcesFreed,
    UnloadRequested,
)
from .domain.models.events import ModelUnloadFailed as UnloadFailed
from .domain.models.leaving import may_drain
from .domain.models.machine import RESIDENT, ModelState
from .domain.models.values import Description
from .domain.ports import Chunk
from .domain.providers.names import provider_of
from .domain.resilience.events import BreakerSet, Wished
from .domain.state import State
from .engine.engine import Engine
from .engine.leases import Lease, Leases, Wish
from .engine.retrying import attempts
from .engine.sampling import Sampler
from .engine.shutdown import Shutdown
from .eventstore.reader import Reader
from .eventstore.subscriptions import Subscription as JournalSubscription
from .listeners import Listeners, Subscription
from .messages import AnyMessage
from .patterns.methods import PatternMethods
from .patterns.shelf import PatternShelf
from .projections.history import to_event
from .projections.metrics import ResourceMetrics, resource_metrics
from .projections.models import ModelRow, Tally, model_table
from .projections.why import Explanation, why
from .providers import Directory
from .settings import Settings
from .truncations import Truncations
from .vectors import Vectors, vectors_of


@dataclass(frozen=True, slots=True)
class Parts:
    """What a manager is made of; `opening` puts it together."""

    engine: Engine
    leases: Leases
    directory: Directory
    sampler: Sampler
    listeners: Listeners
    reader: Reader
    #: A subscription to the journal; `after` says from where.
    subscribe: Callable[..., JournalSubscription]
    shutdown: Shutdown
    #: Compares what a provider holds with what the journal says.
    compare: Callable[[str], Awaitable[object]]
    contexts: Contexts
    patterns: PatternShelf


class ResourceManager(OpensContexts, PatternMethods):
    """Decides which models are in memory, and lends them. Open one with `bursar.open`.

    Every method that asks for a model may raise `InvalidModelId`, `ResourceLimitExceeded`,
    `AllModelsPinned`, `ModelLoadFailed`, `CircuitOpen`, `QueueFull`, `DeadlineExceeded` and `ManagerClosed`.
    """

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._engine = parts.engine
        self._settings = settings
        self._tally = Tally()
        self._contexts = parts.contexts
        self._contexts.serve(self)
        self._patterns = parts.patterns
        self._truncations = Truncations(parts.engine, lambda: self._settings.context.on_truncation)

    @property
    def state(self) -> State:
        """The live state, as of the last step."""
        return self._engine.state

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    async def load_model(
        self, model: str, *, priority: int = 0, deadline_s: float | None = None, agent: str = ""
    ) -> None:
        """Have a model in memory; returns when it answers. It may be evicted later, unless it is pinned."""
        lease = await self._acquire(model, Wish("load", agent, priority, deadline_s))
        lease.end()

    async def unload_model(self, model: str) -> None:
        """Have a model out of memory: it serves those who hold it, then leaves."""
        self._require_open()
        name = self._parts.directory.find(model).id
        known = self.state.models.get(name)
        if known is None or known.state not in RESIDENT:
            return
        if known.state in (ModelState.READY, ModelState.SLEEPING) and not may_drain(self.state, known):
            if known.state is ModelState.READY:
                raise Unsupported(provider=provider_of(name), what="unload a model, or put one to sleep")
            return
        wish = UnloadRequested(model=name)
        event = await self._engine.until(lambda event: _has_left(event, name), after=wish)
        if isinstance(event.body, UnloadFailed):
            raise ModelUnloadFailed(model=name, cause=event.body.cause_text)

    async def free_resources(self) -> ResourcesFreed:
        """Unload every model that nobody uses and that is not pinned; says what that freed."""
        self._require_open()
        freed = await self._engine.until(
            lambda event: isinstance(event.body, ResourcesFreed), after=FreeRequested()
        )
        return cast(ResourcesFreed, freed.body)

    @asynccontextmanager
    async def lease(
        self, model: str, *, priority: int = 0, deadline_s: float | None = None, agent: str = ""
    ) -> AsyncGenerator[Lease, None]:
        """Hold a model for a block: it is loaded, and not unloaded before the block ends.

        `priority`: higher is served first. `deadline_s`: give up with `DeadlineExceeded` when the model is
        not free by then.
        """
        lease = await self._acquire(model, Wish("lease", agent, priority, deadline_s))
        try:
            yield lease
        except BaseException as error:
            lease.end(error)
            raise
        lease.end()

    @overload
    async def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: Literal[False] = False,
        **options: Unpack[ChatOptions],
    ) -> Answer: ...

    @overload
    async def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: Literal[True],
        **options: Unpack[ChatOptions],
    ) -> ChatStream: ...

    async def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: bool = False,
        **options: Unpack[ChatOptions],
    ) -> Answer | ChatStream:
        """Continue a conversation on a leased model: the whole answer, or with `stream=True` a `ChatStream`.

        The options are those of `ChatOptions`. Where the model turns out to be gone before it has said
        anything, it is asked for anew, once. Raises besides what `lease` raises: `ModelVanished` when the
        model dies while it answers, `ContextTooLarge`, `PromptTruncated`, `LeaseExpired`,
        `ProviderUnavailable`.
        """
        request, wish = read_options(messages, options)
        begun = asyncio.get_running_loop().time()
        lease = await self._acquire(model, wish)

        def send(model: str) -> AsyncGenerator[Chunk, None]:
            target = self._parts.directory.find(model)
            return target.provider.chat(target.name, request)

        async def renew(lost: Lease) -> tuple[Lease, AsyncGenerator[Chunk, None]]:
            with suppress(BursarError):
                await self._parts.compare(provider_of(lost.model))
            left = wish.after(asyncio.get_running_loop().time() - begun)
            lease = await self._acquire(model, left, after=lost.request)
            return lease, attempts(self._engine, lease, send)

        chunks = attempts(self._engine, lease, send)
        anew = renew if self._settings.retry.max_attempts > 1 else None
        chat = ChatStream(lease, chunks, self._truncations.note, anew)
        return chat if stream else await chat.collect()

    async def embed(
        self,
        model: str,
        texts: Sequence[str],
        *,
        priority: int = 0,
        deadline_s: float | None = None,
        agent: str = "",
    ) -> Vectors:
        """A vector for each text, from a leased model; they can be compared with those of the same model.

        Where the model turns out to be gone it is asked for anew, once. Raises besides what `lease` raises:
        `Unsupported` for a provider or a model that makes none, `ModelVanished`, `ContextTooLarge` for a text
        that is too long, `LeaseExpired`, `ProviderUnavailable`.
        """
        wish = Wish("embed", agent, priority, deadline_s)
        begun = asyncio.get_running_loop().time()
        lease = await self._acquire(model, wish)

        async def send(model: str) -> AsyncGenerator[Vectors, None]:
            target = self._parts.directory.find(model)
            yield await target.provider.embed(target.name, texts)

        try:
            return await vectors_of(lease, attempts(self._engine, lease, send))
        except ModelVanished:
            if self._settings.retry.max_attempts == 1:
                raise
        with suppress(BursarError):
            await self._parts.compare(provider_of(lease.model))
        left = wish.after(asyncio.get_running_loop().time() - begun)
        lease = await self._acquire(model, left, after=lease.request)
        return await vectors_of(lease, attempts(self._engine, lease, send))

    async def pin(self, model: str) -> None:
        """Never evict a model, from now on; it is not loaded by that."""
        await self._change_pin(model, pinned=True)

    async def unpin(self, model: str) -> None:
        """Let a model be evicted again."""
        await self._change_pin(model, pinned=False)

    async def set_breaker(self, provider: str, state: Wished) -> None:
        """Bring a provider's breaker into a state by hand; `closed` leaves it to the rules again.

        `forced_open` lets nothing pass, `disabled` everything, and `metrics_only` everything while it is
        written down when the breaker would have opened. Raises ValueError for another state or provider.
        """
        self._require_open()
        if provider not in self._parts.directory.providers:
            known = ", ".join(self._parts.directory.providers) or "none"
            raise ValueError(f"no provider is called {provider!r}; there are {known}")
        if state not in get_args(Wished):
            raise ValueError(f"a breaker cannot be set {state!r}, but {', '.join(get_args(Wished))}")
        await self._engine.submit(BreakerSet(provider=provider, state=state)).committed

    async def configure(self, settings: Settings | None = None, **changes: Any) -> Settings:
        """Change settings, all of them or some: `configure(limits={"max_models_loaded": 2})`.

        Returns what is in force then; raises `SettingsInvalid`. What concerns providers holds from the next
        start.
        """
        self._require_open()
        changed = settings or self._settings
        if changes:
            changed = changed.changed(**changes)
        receipt = self._engine.submit(SettingsChanged(settings=self._parts.directory.named(changed.domain())))
        self._settings = changed
        await receipt.committed
        return changed

    def on(self, event: type[Body] | str | None, callback: Callable[[Event], object]) -> Subscription:
        """Call back for every committed event of a type, by class or by name; None for all.

        The documents' names (`"modelUnloaded"`) do as well. A callback runs on the event loop and must not
        block; what it raises is logged. `cancel()` of the subscription ends it.
        """
        return self._parts.listeners.add(event, callback)

    async def events(self, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Every event after a position: the recorded ones, then the live ones as they are committed.

        None is left out and none comes twice, however slowly they are taken; it ends when the manager has
        closed.
        """
        with closing(self._parts.subscribe(after=after)) as subscription:
            end = self._parts.shutdown.then(subscription.finish)
            try:
                async for record in subscription:
                    yield to_event(record)
            finally:
                end()

    def why(self, what: int | str) -> Explanation:
        """Why something happened: an event by position, a model's last move by its id, or `request/N`."""
        if isinstance(what, str) and "/" not in what:
            with suppress(InvalidModelId):
                what = self._parts.directory.find(what).id
        return why(self._parts.reader, what)

    def models(self) -> list[ModelRow]:
        """Every model that was ever asked for: where it is, what it takes, what it did."""
        return model_table(self._parts.reader, self.state, self._tally)

    async def catalogue(self) -> tuple[str, ...]:
        """Ids of all models that the providers could load."""
        return await self._parts.directory.catalogue()

    async def describe(self, model: str) -> Description:
        """What its provider says of a model, loaded or not: sizes, window, slots, and how it knows."""
        return await self._parts.directory.find(model).describe()

    def resource_metrics(self) -> ResourceMetrics:
        """The machine and the models on it, read now."""
        return resource_metrics(self.state, self._parts.sampler.sample())

    async def close(self) -> None:
        """Close before the block that opened it ends: nobody new is served, and its models leave."""
        await self._patterns.close()
        await self._parts.shutdown.run()

    async def _acquire(self, model: str, wish: Wish, after: int | None = None) -> Lease:
        self._require_open()
        return await self._parts.leases.acquire(model, wish, after=after)

    async def _change_pin(self, model: str, *, pinned: bool) -> None:
        self._require_open()
        name = self._parts.directory.find(model).id
        await self._engine.submit(PinChanged(model=name, pinned=pinned)).committed

    def _require_open(self) -> None:
        if self._parts.shutdown.begun:
            raise ManagerClosed


def _has_left(event: Event, model: str) -> bool:
    body = event.body
    left = (ModelUnloaded, ModelSlept, UnloadFailed, ModelLost, ModelLoadFailed, ModelWakeFailed)
    return isinstance(body, left) and body.model == model
