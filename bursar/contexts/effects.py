"""Carries out what was decided about contexts: summaries are made, texts packed and unpacked."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

from ..adapters.logs import get_logger
from ..domain.contexts.events import CompressionFailed, ContextCompressionStarted, SummaryMade
from ..domain.contexts.keeping import (
    ContextCacheFailed,
    ContextCacheStarted,
    ContextForgotten,
    ContextRestoreFailed,
    ContextRestoreStarted,
)
from ..domain.errors import BursarError
from ..domain.events import Event, Fact
from ..domain.kernel import Origin
from .compacting import Compacting
from .kit import Kit
from .packing import Packing

_log = get_logger("bursar.contexts")


class ContextEffects:
    """Runs the effects of committed decisions, each in a task of its own; the outcome is the next fact."""

    def __init__(self, kit: Kit, compacting: Compacting, packing: Packing) -> None:
        self._kit = kit
        self._compacting = compacting
        self._packing = packing
        #: By context: one has one intent at a time.
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: Those whose summary a model is asked for.
        self._slow: set[str] = set()
        #: Those with which nothing may be begun.
        self._barred: set[str] = set()
        self._beside: set[asyncio.Task[None]] = set()

    def hear(self, event: Event) -> None:
        """Start what a committed decision asks for."""
        match event.body:
            case ContextCompressionStarted(context=name) as body:
                self._start(event, name, partial(self._compacting.run, event, body), _compression_failed)
                if body.method == "model" and name in self._tasks:
                    self._slow.add(name)
            case ContextCacheStarted(context=name):
                self._start(event, name, partial(self._packing.pack, event, name), _cache_failed)
            case ContextRestoreStarted(context=name):
                self._start(event, name, partial(self._packing.unpack, event, name), _restore_failed)
            case ContextForgotten(context=name) if name in self._tasks:
                # By somebody else: nothing may be kept of it any more.
                self._tasks[name].cancel()
            case _:
                pass

    def beside(self, work: Coroutine[object, object, None]) -> None:
        """Do something that nobody waits for, and that may be given up."""
        task = asyncio.get_running_loop().create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def asks_model(self, name: str) -> bool:
        """Whether a summary of a context is being made by a model, which may take its time."""
        return name in self._slow

    def busy(self, name: str) -> bool:
        """Whether something is under way with a context."""
        return name in self._tasks

    async def settled(self, name: str) -> None:
        """Wait until nothing is under way with a context. Raises why no more steps are taken."""
        while True:
            task = self._tasks.get(name)
            if task is not None:
                await asyncio.wait((task,))
                continue
            context = self._kit.state.contexts.named.get(name)
            if context is None or not context.intent:
                return
            # What is decided is begun when it is written, which is later.
            await self._kit.engine.until(lambda _event: True)

    @asynccontextmanager
    async def without(self, name: str) -> AsyncGenerator[None, None]:
        """End what is under way with a context, and begin nothing with it during the block.

        Its outcome is not told any more.
        """
        self._barred.add(name)
        try:
            task = self._tasks.get(name)
            if task is not None:
                task.cancel()
                await asyncio.wait((task,))
            yield
        finally:
            self._barred.discard(name)

    async def cancel(self) -> None:
        """Give up what is still running; the next start settles it."""
        tasks = (*self._tasks.values(), *self._beside)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(
        self,
        intent: Event,
        name: str,
        work: Callable[[], Awaitable[Fact]],
        fail: Callable[[str, str, str], Fact],
    ) -> None:
        if name in self._barred:
            return
        task = asyncio.get_running_loop().create_task(
            self._run(intent, name, work, fail), name=f"{intent.body.name} {intent.position}"
        )
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
            self._slow.discard(name)

    async def _run(
        self,
        intent: Event,
        name: str,
        work: Callable[[], Awaitable[Fact]],
        fail: Callable[[str, str, str], Fact],
    ) -> None:
        try:
            fact = await work()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the outcome
            fact = fail(name, *_explain(error))
        context = self._kit.state.contexts.named.get(name)
        if context is None or context.intent != intent.position:
            return  # it was closed or forgotten meanwhile
        try:
            receipt = self._kit.engine.submit(fact, origin=Origin(intent.position, intent.correlation))
            if isinstance(fact, SummaryMade):
                # It is in the window already, and its event on the way.
                self._kit.texts.coming(receipt, fact.address)
            await asyncio.shield(receipt.committed)
        except BursarError as error:
            # The journal is closed or broken: the next start settles what is open.
            _log.warning("outcome not recorded", fact=fact.name, error=error.code)


def _compression_failed(context: str, code: str, cause: str) -> Fact:
    return CompressionFailed(context=context, code=code, cause_text=cause)


def _cache_failed(context: str, code: str, cause: str) -> Fact:
    return ContextCacheFailed(context=context, code=code, cause_text=cause)


def _restore_failed(context: str, code: str, cause: str) -> Fact:
    return ContextRestoreFailed(context=context, code=code, cause_text=cause)


def _explain(error: Exception) -> tuple[str, str]:
    """Code and cause of a failed effect; others' errors may quote a text, and only their kind is told."""
    if isinstance(error, BursarError):
        return error.code, str(error)
    _log.error("an effect failed", kind=type(error).__name__)
    return "SYSTEM_ERROR", type(error).__name__
