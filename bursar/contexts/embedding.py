"""What messages mean, besides their words: vectors by the embedding model of the settings, kept in memory.

They are in no file and in no event. Where they cannot be had the words decide alone.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from ..adapters.logs import get_logger
from ..domain.contexts import spans
from ..domain.contexts.state import Context
from ..domain.errors import BursarError
from ..domain.selection.turns import turn_of
from .asked import Manager
from .kit import Kit
from .likeness import BATCH, ITEM_BYTES, Embedder, Vector

T = TypeVar("T")

#: Bytes of vectors that are held: 21,000 of 768 numbers. Those of contexts used longest ago go first.
_HELD_MAX = 64 << 20
#: Seconds that a query waits for vectors. Those that came by then are there for the next one.
_PATIENCE_S = 60

_log = get_logger("bursar.contexts")


class Likeness(NamedTuple):
    """How alike messages and a query are."""

    #: Id of the model whose vectors say so.
    model: str
    #: Cosines, one for each message.
    values: Sequence[float]


class Embedding:
    """Vectors of contexts' messages, made when a query first asks for them."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._embedder = Embedder(kit.scorer)
        self._held: OrderedDict[str, _Vectors] = OrderedDict()
        #: By model why there were no vectors of it when they were last asked for.
        self._lack: dict[str, str] = {}
        #: Whom the models are asked through, and who knows the settings.
        self.manager: Manager | None = None

    async def prepare(self, context: Context, query: str) -> bool:
        """Have the vectors of a query and of what is sent of a context; whether they are there."""
        return await self._where_possible(partial(self._prepared, context, query)) is not None

    async def of_context(self, context: Context, ordinals: Sequence[int], query: str) -> Likeness | None:
        """How alike messages of a context are to a query; of one that is not sent it may not be known."""

        async def likeness(manager: Manager, model: str) -> Likeness | None:
            prepared = await self._prepared(context, query, manager, model)
            if prepared is None:
                return None
            held, asked = prepared
            vectors = [held.of[one] if held.has(one, asked) else None for one in ordinals]
            return await self._likeness(model, asked, vectors)

        return await self._where_possible(likeness)

    async def of_texts(self, texts: Sequence[str], query: str, agent: str) -> Likeness | None:
        """The same of texts that are nobody's: nothing of them is held."""

        async def likeness(manager: Manager, model: str) -> Likeness | None:
            [asked] = await self._embedder.vectors(manager, model, [query], agent)
            if asked is None:
                return None
            vectors: list[Vector | None] = []
            for first in range(0, len(texts), BATCH):
                vectors += await self._embedder.vectors(manager, model, texts[first : first + BATCH], agent)
            return await self._likeness(model, asked, vectors)

        return await self._where_possible(likeness)

    def held(self, contexts: Iterable[str]) -> int:
        """Bytes of the vectors of some contexts."""
        return sum(self._held[name].size for name in contexts if name in self._held)

    def drop(self, contexts: Iterable[str]) -> int:
        """Let the vectors of some contexts go; returns their bytes."""
        return sum(self._held.pop(name).size for name in contexts if name in self._held)

    def drop_all(self) -> None:
        """Let all of them go."""
        self._held.clear()

    async def _where_possible(self, work: Callable[[Manager, str], Awaitable[T | None]]) -> T | None:
        """What comes of some work with the manager and a model; None where no vectors are to be had."""
        name = self.manager.settings.context.embedding_model if self.manager else None
        if self.manager is None or name is None:
            return None
        try:
            model = self._kit.directory.find(name).id
            async with asyncio.timeout(_PATIENCE_S):
                found = await work(self.manager, model)
        except BursarError as error:
            self._lacks(name, error.code)
        except TimeoutError:
            self._lacks(name, f"{_PATIENCE_S} s were not enough")
        else:
            if found is not None:
                self._lack.pop(name, None)
            return found
        return None

    def _lacks(self, model: str, why: str) -> None:
        """Say once that words decide alone."""
        if self._lack.get(model) != why:
            self._lack[model] = why
            _log.warning("messages are chosen by their words alone", model=model, error=why)

    async def _prepared(
        self, context: Context, query: str, manager: Manager, model: str
    ) -> "tuple[_Vectors, Vector] | None":
        """Those of a context, and the query's; None where a query says nothing, or they are too many."""
        held = self._holder(context, model)
        asked = held.asked
        if held.query != query:
            [asked] = await self._embedder.vectors(manager, model, [query], context.agent)
            held.query, held.asked = query, asked
        if asked is None:
            return None
        window = list(spans.ordinals(context.window))
        if len(window) * _size(asked) > _HELD_MAX:
            self._lacks(model, f"{len(window)} messages are too many")
            return None
        missing = [ordinal for ordinal in window if not held.has(ordinal, asked)]
        for first in range(0, len(missing), BATCH):
            batch = missing[first : first + BATCH]
            texts = [turn_of(message).text for message in await self._kit.texts.read(context, batch)]
            vectors = await self._embedder.vectors(manager, model, texts, context.agent)
            held.add(batch, vectors)
            self._bound(held, window)
        return held, asked

    def _holder(self, context: Context, model: str) -> "_Vectors":
        held = self._held.pop(context.name, None)
        if held is None or held.model != model:
            held = _Vectors(model)
        self._held[context.name] = held
        return held

    def _bound(self, held: "_Vectors", window: Sequence[int]) -> None:
        """Hold no more than that in all, whatever it is of."""
        total = sum(one.size for one in self._held.values())
        while total > _HELD_MAX and len(self._held) > 1:
            _name, gone = self._held.popitem(last=False)
            total -= gone.size
        if total > _HELD_MAX:
            held.keep(window)

    async def _likeness(self, model: str, asked: Vector, vectors: Sequence[Vector | None]) -> Likeness | None:
        values = await self._embedder.alike(asked, vectors)
        return Likeness(model, values) if values else None


class _Vectors:
    """The vectors of a context."""

    def __init__(self, model: str) -> None:
        self.model = model
        #: What was asked last, and what it means: None for nothing.
        self.query: str | None = None
        self.asked: Vector | None = None
        #: By ordinal; None of a message that says nothing.
        self.of: dict[int, Vector | None] = {}
        self.size = 0

    def has(self, ordinal: int, asked: Vector) -> bool:
        """Whether it is known what a message means, in as many numbers as the query's."""
        vector = self.of.get(ordinal)
        return ordinal in self.of and (vector is None or len(vector) == len(asked))

    def add(self, ordinals: Sequence[int], vectors: Sequence[Vector | None]) -> None:
        """Hold some."""
        for ordinal, vector in zip(ordinals, vectors, strict=True):
            self.size += _size(vector) - _size(self.of.get(ordinal))
            self.of[ordinal] = vector

    def keep(self, ordinals: Iterable[int]) -> None:
        """Hold no others."""
        self.of = {ordinal: self.of[ordinal] for ordinal in ordinals if ordinal in self.of}
        self.size = sum(map(_size, self.of.values()))


def _size(vector: Vector | None) -> int:
    return 0 if vector is None else len(vector) * ITEM_BYTES
