"""The manager for scripts: the same names, without `await`."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from .chat import Answer, ChatOptions
from .contexts.conversing import Select
from .contexts.relieving import Strategy
from .contexts.results import (
    ContextRow,
    ForgottenContext,
    MovedToCache,
    OptimizedMemory,
    Reduced,
    ReducedMemory,
    RestoredContext,
    RestoredMessages,
)
from .domain.events import Body, Event
from .domain.models.events import ResourcesFreed
from .domain.ports import Chunk, Message, Provider
from .domain.resilience.events import Wished
from .engine.leases import Lease
from .listeners import Subscription
from .manager import ResourceManager
from .messages import AnyMessage
from .opening import open as open_async
from .patterns.values import Pattern, PatternRow
from .projections.metrics import ResourceMetrics
from .projections.models import ModelRow
from .projections.why import Explanation
from .settings import Settings
from .vectors import Vectors

T = TypeVar("T")


def open_sync(
    journal: str | os.PathLike[str] = "bursar.db",
    settings: Settings | None = None,
    *,
    providers: Mapping[str, Provider] | None = None,
) -> "BlockingManager":
    """Own a journal and manage models by it, for a `with` block; see `bursar.open`."""
    return BlockingManager(open_async(journal, settings, providers=providers))


class BlockingManager:
    """A `ResourceManager` on an event loop of its own, in a thread of its own.

    May be called from several threads. Callbacks given to `on` run on the loop's thread.
    """

    def __init__(self, opening: AbstractAsyncContextManager[ResourceManager]) -> None:
        self._opening = opening
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bursar", daemon=True)
        self._manager: ResourceManager | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._manager = self._run(self._opening.__aenter__())
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._opening.__aexit__(kind, error, trace))
        finally:
            self._end_loop()

    @property
    def manager(self) -> ResourceManager:
        """The asynchronous manager; only for the loop's thread."""
        if self._manager is None:
            raise RuntimeError("use it in a `with` block")
        return self._manager

    def load_model(self, model: str, **options: Any) -> None:
        """See `ResourceManager.load_model`."""
        self._run(self.manager.load_model(model, **options))

    def unload_model(self, model: str) -> None:
        """See `ResourceManager.unload_model`."""
        self._run(self.manager.unload_model(model))

    def free_resources(self) -> ResourcesFreed:
        """See `ResourceManager.free_resources`."""
        return self._run(self.manager.free_resources())

    @contextmanager
    def lease(self, model: str, **options: Any) -> Generator[Lease, None, None]:
        """See `ResourceManager.lease`."""
        lease = self.manager.lease(model, **options)
        held = self._run(lease.__aenter__())
        try:
            yield held
        except BaseException as error:
            if not self._run(lease.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            self._run(lease.__aexit__(None, None, None))

    @overload
    def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: Literal[False] = False,
        **options: Unpack[ChatOptions],
    ) -> Answer: ...

    @overload
    def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: Literal[True],
        **options: Unpack[ChatOptions],
    ) -> Iterator[Chunk]: ...

    def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: bool = False,
        **options: Unpack[ChatOptions],
    ) -> Answer | Iterator[Chunk]:
        """See `ResourceManager.chat`; a stream is an iterator, and closing it gives the model back."""
        if not stream:
            return self._run(self.manager.chat(model, messages, **options))
        chat = self._run(self.manager.chat(model, messages, stream=True, **options))
        return self._iterate(chat.__anext__, chat.aclose)

    def embed(self, model: str, texts: Sequence[str], **options: Any) -> Vectors:
        """See `ResourceManager.embed`."""
        return self._run(self.manager.embed(model, texts, **options))

    def pin(self, model: str) -> None:
        """See `ResourceManager.pin`."""
        self._run(self.manager.pin(model))

    def unpin(self, model: str) -> None:
        """See `ResourceManager.unpin`."""
        self._run(self.manager.unpin(model))

    def set_breaker(self, provider: str, state: Wished) -> None:
        """See `ResourceManager.set_breaker`."""
        self._run(self.manager.set_breaker(provider, state))

    def configure(self, settings: Settings | None = None, **changes: Any) -> Settings:
        """See `ResourceManager.configure`."""
        return self._run(self.manager.configure(settings, **changes))

    def on(self, event: type[Body] | str | None, callback: Callable[[Event], object]) -> Subscription:
        """See `ResourceManager.on`."""
        return self.manager.on(event, callback)

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """See `ResourceManager.events`; close the iterator to stop."""
        events: AsyncGenerator[Event, None] = self.manager.events(after=after)
        return self._iterate(events.__anext__, events.aclose)

    def why(self, what: int | str) -> Explanation:
        """See `ResourceManager.why`."""
        return self._call(lambda: self.manager.why(what))

    def models(self) -> list[ModelRow]:
        """See `ResourceManager.models`."""
        return self._call(self.manager.models)

    def catalogue(self) -> tuple[str, ...]:
        """See `ResourceManager.catalogue`."""
        return self._run(self.manager.catalogue())

    def resource_metrics(self) -> ResourceMetrics:
        """See `ResourceManager.resource_metrics`."""
        return self._call(self.manager.resource_metrics)

    def open_context(self, context: str, **terms: Any) -> None:
        """See `ResourceManager.open_context`; what is done with it is done by its id."""
        self._run(self.manager.open_context(context, **terms))

    def add_message(self, context: str, message: AnyMessage, **said: Any) -> int:
        """See `ResourceManager.add_message`."""
        return self._run(self.manager.add_message(context, message, **said))

    def add_messages(self, context: str, messages: Sequence[AnyMessage]) -> list[int]:
        """See `ResourceManager.add_messages`."""
        return self._run(self.manager.add_messages(context, messages))

    def pin_message(self, context: str, ordinal: int, **said: Any) -> None:
        """See `ResourceManager.pin_message`."""
        self._run(self.manager.pin_message(context, ordinal, **said))

    def messages(self, context: str) -> list[Message]:
        """See `ResourceManager.messages`."""
        return self._run(self.manager.messages(context))

    def message(self, context: str, ordinal: int) -> Message:
        """See `ResourceManager.message`."""
        return self._run(self.manager.message(context, ordinal))

    def compress_context(self, what: str, **options: Any) -> Reduced:
        """See `ResourceManager.compress_context`."""
        return self._run(self.manager.compress_context(what, **options))

    def prune_context(self, what: str, **options: Any) -> Reduced:
        """See `ResourceManager.prune_context`."""
        return self._run(self.manager.prune_context(what, **options))

    def restore_messages(
        self, context: str, ordinals: Sequence[int] | None = None, *, to: int | None = None
    ) -> RestoredMessages:
        """See `ResourceManager.restore_messages`."""
        return self._run(self.manager.restore_messages(context, ordinals, to=to))

    def move_to_cache(self, what: str) -> MovedToCache:
        """See `ResourceManager.move_to_cache`."""
        return self._run(self.manager.move_to_cache(what))

    def restore_context(self, context: str) -> RestoredContext:
        """See `ResourceManager.restore_context`."""
        return self._run(self.manager.restore_context(context))

    def reduce_working_memory(self, what: str) -> ReducedMemory:
        """See `ResourceManager.reduce_working_memory`."""
        return self._run(self.manager.reduce_working_memory(what))

    def optimize_memory(
        self, model: str | None = None, *, strategy: Strategy | None = None
    ) -> OptimizedMemory:
        """See `ResourceManager.optimize_memory`."""
        return self._run(self.manager.optimize_memory(model, strategy=strategy))

    def optimize_agent_context(
        self, agent: str, context: str | Sequence[AnyMessage], query: str, max_tokens: int, **options: Any
    ) -> list[Message]:
        """See `ResourceManager.optimize_agent_context`."""
        return self._run(self.manager.optimize_agent_context(agent, context, query, max_tokens, **options))

    def should_throttle(self, agent: str) -> bool:
        """See `ResourceManager.should_throttle`."""
        return self._call(lambda: self.manager.should_throttle(agent))

    def recommended_context_size(self, agent: str, requested_tokens: int) -> int:
        """See `ResourceManager.recommended_context_size`."""
        return self._call(lambda: self.manager.recommended_context_size(agent, requested_tokens))

    def configure_compression(self, **changes: Any) -> Settings:
        """See `ResourceManager.configure_compression`."""
        return self._run(self.manager.configure_compression(**changes))

    def close_context(self, context: str) -> None:
        """See `ResourceManager.close_context`."""
        self._run(self.manager.close_context(context))

    def forget_context(self, context: str, **why: Any) -> ForgottenContext:
        """See `ResourceManager.forget_context`."""
        return self._run(self.manager.forget_context(context, **why))

    def contexts(self) -> list[ContextRow]:
        """See `ResourceManager.contexts`."""
        return self._call(self.manager.contexts)

    @overload
    def chat_in(
        self,
        context: str,
        message: str | AnyMessage | None = None,
        *,
        stream: Literal[False] = False,
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Answer: ...

    @overload
    def chat_in(
        self,
        context: str,
        message: str | AnyMessage | None = None,
        *,
        stream: Literal[True],
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Iterator[Chunk]: ...

    def chat_in(
        self,
        context: str,
        message: str | AnyMessage | None = None,
        *,
        stream: bool = False,
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Answer | Iterator[Chunk]:
        """See `ResourceManager.chat_in`; with `stream=True` an iterator, as of `chat`."""
        if not stream:
            return self._run(
                self.manager.chat_in(context, message, select=select, importance=importance, **options)
            )
        chat = self._run(
            self.manager.chat_in(
                context, message, stream=True, select=select, importance=importance, **options
            )
        )
        return self._iterate(chat.__anext__, chat.aclose)

    def store_pattern(self, name: str, text: str, **options: Any) -> None:
        """See `ResourceManager.store_pattern`."""
        self._run(self.manager.store_pattern(name, text, **options))

    def pattern(self, name: str) -> Pattern | None:
        """See `ResourceManager.pattern`."""
        return self._run(self.manager.pattern(name))

    def patterns(self, **wanted: Any) -> list[PatternRow]:
        """See `ResourceManager.patterns`."""
        return self._call(lambda: self.manager.patterns(**wanted))

    def find_patterns(self, query: str, **options: Any) -> list[PatternRow]:
        """See `ResourceManager.find_patterns`."""
        return self._run(self.manager.find_patterns(query, **options))

    def remove_pattern(self, name: str) -> bool:
        """See `ResourceManager.remove_pattern`."""
        return self._run(self.manager.remove_pattern(name))

    def _iterate(
        self, following: Callable[[], Coroutine[Any, Any, T]], close: Callable[[], Coroutine[Any, Any, None]]
    ) -> Iterator[T]:
        try:
            while True:
                try:
                    item = self._run(following())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self._run(close())

    def _call(self, function: Callable[[], T]) -> T:
        """Run a plain function on the loop's thread: it reads what only that thread may touch."""

        async def call() -> T:
            return function()

        return self._run(call())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop; an interrupt of the caller cancels it there."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
