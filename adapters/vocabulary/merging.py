"""Symbols that are put together, the best pair first, as byte-pair encoding does it.

Sennrich, Haddow, Birch: Neural Machine Translation of Rare Words with Subword Units, 2016. With a heap of
pairs and links between neighbours, a word of n symbols takes n log n steps.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

#: How good a pair is, less being better; None for one that is not put together.
Rank = Callable[[str, str], float | None]


def merged(symbols: Sequence[str], rank: Rank) -> list[str]:
    """What is left when no two neighbours can be put together; of equal pairs the leftmost is first."""
    parts = list(symbols)
    count = len(parts)
    after, before = list(range(1, count + 1)), list(range(-1, count - 1))
    heap = [
        (found, place, left, right)
        for place, (left, right) in enumerate(pairwise(parts))
        if (found := rank(left, right)) is not None
    ]
    heapify(heap)
    while heap:
        _, place, left, right = heappop(heap)
        neighbour = after[place]
        # One of them may have been put together with another since.
        if parts[place] != left or neighbour >= count or parts[neighbour] != right:
            continue
        joined = parts[place] = left + right
        parts[neighbour] = ""
        following = after[place] = after[neighbour]
        if following < count:
            before[following] = place
            if (found := rank(joined, parts[following])) is not None:
                heappush(heap, (found, place, joined, parts[following]))
        preceding = before[place]
        if preceding >= 0 and (found := rank(parts[preceding], joined)) is not None:
            heappush(heap, (found, preceding, parts[preceding], joined))
    return [part for part in parts if part]
