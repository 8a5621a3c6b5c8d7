"""How alike texts are in meaning: vectors of them by an embedding model, and the angle between two."""

from array import array
from collections.abc import Sequence
from functools import partial
from math import fsum, hypot
from operator import mul
from typing import TYPE_CHECKING

from ..domain.errors import ContextTooLarge
from .kit import Scorer

if TYPE_CHECKING:
    from .asked import Manager

#: An array of length one in its space, each number in so many bytes.
Vector = Sequence[float]
ITEM_BYTES = 4

#: Texts in a call.
BATCH = 32
#: Of a longer text its beginning is embedded: that is about what small embedding models can take. Where the
#: model refuses it half of that is tried, and so on, but no less than the second figure.
_CHARACTERS_MAX, _CHARACTERS_MIN = 2000, 250


class Embedder:
    """Asks embedding models, on leases and by the rules."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        #: Characters that a model turned out to take.
        self._characters: dict[str, int] = {}

    async def vectors(
        self, manager: "Manager", model: str, texts: Sequence[str], agent: str
    ) -> list[Vector | None]:
        """Of each text; none of one that says nothing. Raises what `embed` raises."""
        said = {place: text.strip() for place, text in enumerate(texts)}
        said = {place: text for place, text in said.items() if text}
        if not said:
            return [None] * len(texts)
        raw = await self._asked(manager, model, list(said.values()), agent)
        units = await self._scorer.do(lambda: list(map(_unit, raw)))
        found = dict(zip(said, units, strict=True))
        return [found.get(place) for place in range(len(texts))]

    async def alike(self, query: Vector, vectors: Sequence[Vector | None]) -> list[float]:
        """Cosines to a query's; what has no vector is as like as others on average. Empty where none has."""
        return await self._scorer.do(partial(_cosines, query, vectors))

    async def _asked(
        self, manager: "Manager", model: str, texts: Sequence[str], agent: str
    ) -> tuple[tuple[float, ...], ...]:
        characters = self._characters.get(model, _CHARACTERS_MAX)
        while True:
            try:
                return await manager.embed(model, [_cut(text, characters) for text in texts], agent=agent)
            except ContextTooLarge:
                if characters <= _CHARACTERS_MIN:
                    raise
                characters = self._characters[model] = characters // 2


def _cut(text: str, characters: int) -> str:
    """A query may hold half of a surrogate pair, which is no character."""
    return text[:characters].encode("utf-8", "replace").decode()


def _unit(vector: Sequence[float]) -> Vector | None:
    length = hypot(*vector)
    return array("f", (number / length for number in vector)) if length else None


def _cosines(query: Vector, vectors: Sequence[Vector | None]) -> list[float]:
    found = [None if vector is None else sum(map(mul, query, vector)) for vector in vectors]
    known = [cosine for cosine in found if cosine is not None]
    if not known:
        return []
    mean = fsum(known) / len(known)
    return [mean if cosine is None else cosine for cosine in found]
