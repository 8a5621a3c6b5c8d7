"""The manager for scripts: the same names, without `await`."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from .chat import Answer, AnyMessage, ChatOptions
from .domain.events import Body, Event
from .domain.models.events import ResourcesFreed
from .domain.ports import Chunk, Provider
from .domain.resilience.events import Wished
from .engine.leases import Lease
from .listeners import Subscription
from .manager import ResourceManager
from .opening import open as open_async
from .projections.metrics import ResourceMetrics
from .projections.models import ModelRow
from .projections.why import Explanation
from .settings import Settings

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
