"""Letting go of texts: out of memory, packed on the disk, and back."""

from collections.abc import Sequence
from typing import cast

from ..domain.contexts import spans
from ..domain.contexts.keeping import (
    CacheAsked,
    ContextCacheFailed,
    ContextCacheStarted,
    ContextRestored,
    ContextRestoreFailed,
    ContextRestoreStarted,
    ModelCached,
    RestoreAsked,
)
from ..domain.contexts.machine import ContextState
from ..domain.contexts.relief import WorkingMemoryReduced
from ..domain.errors import MemoryOptimizationFailed
from .asking import outcome, taken
from .effects import ContextEffects
from .kit import Kit
from .results import MovedToCache, ReducedMemory, RestoredContext
from .scoring import Scoring

_ASLEEP = (ContextState.CACHING, ContextState.CACHED, ContextState.RESTORING)


class Caching:
    """Asks the rules to pack and unpack contexts, and lets go of what can be read again."""

    def __init__(self, kit: Kit, effects: ContextEffects, scoring: Scoring) -> None:
        self._kit = kit
        self._effects = effects
        self._scoring = scoring

    async def move_to_cache(self, name: str) -> MovedToCache:
        """Pack a context; one that is packed stays so. Raises MemoryOptimizationFailed."""
        if self._kit.context(name).state is ContextState.CACHED:
            return MovedToCache((), (), 0, 0, 0)
        await self._effects.settled(name)
        asked = CacheAsked(context=name)
        ends = (ModelCached, ContextCacheFailed)
        end = await outcome(self._kit.engine, asked, ContextCacheStarted, ends)
        if isinstance(end, ContextCacheFailed):
            cause = f"{end.code}: {end.cause_text}"
            raise MemoryOptimizationFailed(context=name, what="cache", cause=cause)
        body = cast(ModelCached, end)
        return MovedToCache((name,), (body.cache_path,), body.messages, body.before_bytes, body.after_bytes)

    async def restore(self, name: str) -> RestoredContext:
        """Unpack a context. Raises MemoryOptimizationFailed."""
        asked = RestoreAsked(context=self._kit.context(name).name)
        ends = (ContextRestored, ContextRestoreFailed)
        end = await outcome(self._kit.engine, asked, ContextRestoreStarted, ends)
        if isinstance(end, ContextRestoreFailed):
            cause = f"{end.code}: {end.cause_text}"
            raise MemoryOptimizationFailed(context=name, what="restore", cause=cause)
        body = cast(ContextRestored, end)
        lost = tuple(spans.ordinals(body.lost))
        return RestoredContext(name, body.messages, body.bytes, body.restore_ms, lost)

    async def wake(self, name: str) -> None:
        """Have a context as it was before it was packed; for who goes on with it."""
        while (state := self._kit.context(name).state) in _ASLEEP:
            if state is ContextState.CACHED:
                await self.restore(name)
            elif self._effects.busy(name):
                await self._effects.settled(name)
            else:
                # It was decided, and is not written yet: it begins when it is.
                await self._kit.engine.until(lambda _event: True)

    async def reduce(self, model: str, names: Sequence[str]) -> ReducedMemory:
        """Let go of the texts and indexes of a model's contexts that are in memory."""
        before = self._kit.texts.held(names) + self._scoring.held(names)
        freed = {
            "texts": self._kit.texts.drop(names),
            "vectors": self._scoring.embedding.drop(names),
            "indexes": self._scoring.drop(names),
        }
        freed = {what: size for what, size in freed.items() if size}
        after = self._kit.texts.held(names) + self._scoring.held(names)
        fact = WorkingMemoryReduced(model=model, before_bytes=before, after_bytes=after, freed=freed)
        await taken(self._kit.engine, fact)
        return ReducedMemory(model, before, after, freed)
