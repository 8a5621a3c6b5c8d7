"""How much each message of a window matters: for a question, or before anybody asks one."""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from ..domain.contexts import entries, spans
from ..domain.contexts.state import Context
from ..domain.ports import Message
from ..domain.selection.importance import combine, importance
from ..domain.selection.index import Index
from ..domain.selection.turns import turn_of
from ..domain.selection.values import Turn
from .embedding import Embedding, Likeness
from .kit import Kit

#: Contexts whose indexes are held.
_HELD = 32
#: Messages that are indexed in one go.
_BATCH = 64


class Scoring:
    """Scores the messages of contexts; what their authors said of them is put on top."""

    def __init__(self, kit: Kit, embedding: Embedding) -> None:
        self._kit = kit
        self.embedding = embedding
        self._held: OrderedDict[str, _Indexed] = OrderedDict()

    async def importance(self, context: Context) -> list[int]:
        """In millionths, in the window's order."""
        ordinals = list(spans.ordinals(context.window))
        messages = await self._kit.texts.read(context, ordinals)

        def score() -> list[int]:
            own = importance([turn_of(message) for message in messages], context.genre)
            return _with_authors(context, ordinals, own)

        return await self._kit.scorer.do(score)

    async def query(
        self, context: Context, query: str, profile: str, *, embedded: bool
    ) -> tuple[list[int], str]:
        """The same by what a query asks for, and how; by its words alone, unless it is to be embedded."""
        ordinals = list(spans.ordinals(context.window))
        indexed = self._held.pop(context.name, None)
        if indexed is None or not indexed.goes_on(context, ordinals):
            indexed = _Indexed(context.opened_at)
        self._held[context.name] = indexed
        if len(self._held) > _HELD:
            self._held.popitem(last=False)
        missing = [ordinal for ordinal in ordinals if ordinal not in indexed.places]
        for first in range(0, len(missing), _BATCH):
            batch = missing[first : first + _BATCH]
            turns = await self._turns(context, batch)
            await self._kit.scorer.do(partial(indexed.add, batch, turns))
        places, like = list(indexed.places), None
        if embedded:
            like = await self.embedding.of_context(context, places, query)
        own = await self._kit.scorer.do(partial(indexed.rank, query, profile, ordinals, _values(like)))
        return _with_authors(context, ordinals, own), f"query{_by(like)} {profile} 1"

    async def of(
        self,
        messages: Sequence[Message],
        query: str,
        profile: str,
        importances: Sequence[int | None],
        agent: str,
    ) -> list[int]:
        """The same of messages that are nobody's."""
        turns = [turn_of(message) for message in messages]
        like = await self.embedding.of_texts([turn.text for turn in turns], query, agent)

        def score() -> list[int]:
            index = Index()
            for turn in turns:
                index.add(turn)
            return index.rank(query, profile=profile, similarities=_values(like))

        own = await self._kit.scorer.do(score)
        return [combine(score, said) for score, said in zip(own, importances, strict=True)]

    def drop(self, contexts: Sequence[str]) -> int:
        """Let the indexes and vectors of some contexts go; returns the bytes that were in them."""
        indexed = sum(self._held.pop(name).size for name in contexts if name in self._held)
        return indexed + self.embedding.drop(contexts)

    def held(self, contexts: Sequence[str]) -> int:
        """Bytes of text that are indexed of some contexts, and of vectors."""
        indexed = sum(self._held[name].size for name in contexts if name in self._held)
        return indexed + self.embedding.held(contexts)

    def drop_all(self) -> None:
        """Let all of them go."""
        self._held.clear()
        self.embedding.drop_all()

    async def _turns(self, context: Context, ordinals: Sequence[int]) -> list[Turn]:
        return [turn_of(message) for message in await self._kit.texts.read(context, ordinals)]


class _Indexed:
    """An index, and which message stands where in it."""

    def __init__(self, opened_at: int) -> None:
        self._opened_at = opened_at
        self._index = Index()
        #: Place by ordinal, both ascending.
        self.places: dict[int, int] = {}
        self.size = 0

    def goes_on(self, context: Context, ordinals: Sequence[int]) -> bool:
        """Whether what is missing comes after what is there: neighbours count, so the order matters.

        A summary stands before what it was made after; where one was made the index begins anew.
        """
        newest = max(self.places, default=-1)
        missing = [ordinal for ordinal in ordinals if ordinal not in self.places]
        same = context.opened_at == self._opened_at
        return same and missing == sorted(missing) and all(ordinal > newest for ordinal in missing)

    def add(self, ordinals: Sequence[int], turns: Sequence[Turn]) -> None:
        for ordinal, turn in zip(ordinals, turns, strict=True):
            self.places[ordinal] = len(self._index)
            self._index.add(turn)
            self.size += len(turn.text)

    def rank(
        self, query: str, profile: str, ordinals: Sequence[int], similarities: Sequence[float]
    ) -> list[int]:
        ranked = self._index.rank(query, profile=profile, similarities=similarities)
        return [ranked[self.places[ordinal]] for ordinal in ordinals]


def _with_authors(context: Context, ordinals: Sequence[int], own: Sequence[int]) -> list[int]:
    said = (entries.at(context.entries, ordinal).importance for ordinal in ordinals)
    return [combine(score, importance) for score, importance in zip(own, said, strict=True)]


def _values(like: Likeness | None) -> Sequence[float]:
    return like.values if like else ()


def _by(like: Likeness | None) -> str:
    return f"+{like.model}" if like else ""
