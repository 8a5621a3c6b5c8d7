"""How far a hit tells of the turns around it.

A topic is talked about for several turns, and the words of a question are in some of them. Spreading
scores before ranking found more of the evidence than any other single step (the comparisons are in
`benchmarks/README.md`); how far is best depends on the conversation, and two things about it say so.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import exp, log
from typing import Final

#: Words of a spoken sentence. A round of all the participants saying as much is the unit of a topic.
_SENTENCE: Final = 20
#: The neighbours always count; and a hit shall not tell of half a meeting.
_WIDTH_MIN, _WIDTH_MAX = 1.0, 16.0


def width(participants: float, median_words: float) -> float:
    """Turns after which a hit counts for 1/e: what a sentence by each of the participants takes.

    Two people who write twenty words each: 2. Four in a meeting, where half of the turns
    are "yeah" or "okay": 16.
    """
    return min(_WIDTH_MAX, max(_WIDTH_MIN, participants * _SENTENCE / max(1.0, median_words)))


def participants(turns_each: Sequence[int]) -> float:
    """How many take part, those who hardly speak hardly counted: the exponential of the entropy."""
    total = sum(turns_each)
    return exp(-sum(count / total * log(count / total) for count in turns_each if count))


def spread(scores: Sequence[float], turns: float) -> list[float]:
    """Each score with those of all others added, fading by e every so many turns; at 0 as it is.

    Linear in their number.
    """
    fading = exp(-1.0 / turns) if turns else 0.0

    def carried(before: float, here: float) -> float:
        return before * fading + here

    onwards = accumulate(scores, carried)
    backwards = list(accumulate(reversed(scores), carried))
    backwards.reverse()
    return [left + right - own for left, right, own in zip(onwards, backwards, scores, strict=True)]
