"""Which of some texts a query is about: BM25 over the stems of their words.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009). Conversations are
searched otherwise, for there what stands beside a match matters; patterns have no neighbours, and leave.
"""

from collections import Counter
from math import log

from ..domain.selection.words import terms

#: How soon more of the same word counts for no more, and how far a long text is held against it.
_K1 = 1.2
_B = 0.75


class Lookup:
    """Texts by number; the texts themselves are not kept."""

    def __init__(self) -> None:
        #: By stem, how often it is in which text.
        self._with: dict[str, dict[int, int]] = {}
        #: By text, its stems, and how many there are.
        self._stems: dict[int, tuple[str, ...]] = {}
        self._lengths: dict[int, int] = {}
        self._total = 0

    def __contains__(self, number: int) -> bool:
        return number in self._lengths

    def numbers(self) -> list[int]:
        """Those that are in it."""
        return list(self._lengths)

    def add(self, number: int, text: str) -> None:
        """Note a text under a number that none has yet."""
        found = Counter(terms(text))
        for stem, count in found.items():
            self._with.setdefault(stem, {})[number] = count
        self._stems[number] = tuple(found)
        self._lengths[number] = length = found.total()
        self._total += length

    def remove(self, number: int) -> None:
        """Note no more of a text."""
        for stem in self._stems.pop(number):
            texts = self._with[stem]
            del texts[number]
            if not texts:
                del self._with[stem]
        self._total -= self._lengths.pop(number)

    def scores(self, query: str) -> dict[int, float]:
        """How well texts match; those that have nothing of the query are not in it."""
        scores: dict[int, float] = {}
        for stem in dict.fromkeys(terms(query)):
            texts = self._with.get(stem, {})
            weight = log(1 + (len(self._lengths) - len(texts) + 0.5) / (len(texts) + 0.5))
            for number, count in texts.items():
                scores[number] = scores.get(number, 0.0) + weight * self._saturated(count, number)
        return scores

    def _saturated(self, count: int, number: int) -> float:
        relative = self._lengths[number] * len(self._lengths) / self._total
        return count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * relative))
