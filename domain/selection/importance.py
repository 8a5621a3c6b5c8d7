"""How much the messages of a conversation matter before anybody says what for.

Worth is in words: one that stands nowhere else in the conversation counts 1, one that stands in every message
0 (its inverse document frequency; K. Spärck Jones, 1972), and less where it was said before; numbers,
times and names count besides. A sentence's kind multiplies that, a message has the sum of its sentences, and
its score is the worth for its length, so that a planner fills a budget by score alone.

Centrality is not asked: what resembles the rest most is what anybody says. Choosing by it keeps less of what
is needed later than chance does.
"""

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import NamedTuple

from ..contexts.values import Genre
from .features import Features, Sentence, features
from .genres import GENRES, Weights
from .spreading import spread
from .stems import stem
from .values import WHOLE, Turn
from .words import words

#: What an author says of a message that is like any other, in per-mille.
NEUTRAL = 500


class Worth(NamedTuple):
    """What a message is worth, in words, and its sentences likewise."""

    whole: float
    sentences: tuple[float, ...]


def importance(turns: Sequence[Turn], genre: Genre) -> list[int]:
    """What a token of each message is worth, in millionths of the best one's."""
    return score([features(turn) for turn in turns], genre)


def score(found: Sequence[Features], genre: Genre) -> list[int]:
    """The same of messages whose features are known."""
    weights = GENRES[genre]
    densities = [
        worth.whole / message.length**weights.length
        for worth, message in zip(worths(found, weights), found, strict=True)
    ]
    if weights.spread:
        densities = spread(densities, weights.spread)
    best = max(densities, default=0.0)
    return [round(WHOLE * density / best) if best else 0 for density in densities]


def combine(own: int, importance_per_mille: int | None) -> int:
    """A score with what the message's author said put on top of it.

    Nothing said, or 500, leaves the score as it is; 1000 lifts it to the whole, 0 lowers it to nothing, and
    what lies between goes that way in proportion.
    """
    said = NEUTRAL if importance_per_mille is None else importance_per_mille
    if said <= NEUTRAL:
        return own * said // NEUTRAL
    return own + (WHOLE - own) * (said - NEUTRAL) // NEUTRAL


def worths(found: Sequence[Features], weights: Weights) -> list[Worth]:
    """What each message is worth, in words."""
    rarity = _rarity(found)
    seen: set[str] = set()
    result: list[Worth] = []
    asked_by = ""
    for message in found:
        factor = weights.answer if asked_by and asked_by != message.speaker else 1.0
        each = tuple(factor * _worth(sentence, weights, rarity, seen) for sentence in message.sentences)
        for sentence in message.sentences:
            seen.update(sentence.terms)
        asked_by = message.speaker if message.asks else ""
        result.append(Worth(sum(each), each))
    return result


def _worth(sentence: Sentence, weights: Weights, rarity: dict[str, float], seen: set[str]) -> float:
    worth = weights.number * sentence.numbers + weights.time * sentence.times
    # A speaker's name has no rarity: whom one talks with is no news.
    worth += weights.name * sum(1 for name in sentence.names if name not in seen and rarity[name])
    worth += sum([rarity[term] for term in sentence.terms])
    worth -= (1.0 - weights.repeated) * sum([rarity[term] for term in sentence.terms if term in seen])
    return worth * _kind(sentence, weights)


def _kind(sentence: Sentence, weights: Weights) -> float:
    factor = weights.question if sentence.is_question else 1.0
    if sentence.is_phatic:
        factor *= weights.phatic
    if sentence.is_first_person:
        return factor * weights.first_person
    return factor * weights.second_person if sentence.is_second_person else factor


def _rarity(found: Sequence[Features]) -> dict[str, float]:
    """From 1 for a term of one message down to 0 for one of all; 0 for the names of who speaks."""
    messages = Counter(term for message in found for term in message.terms)
    whole = log(len(found) + 1)
    rarity = {term: 1.0 - log(number) / whole for term, number in messages.items()}
    for speaker in dict.fromkeys(message.speaker for message in found):
        for word in words(speaker):
            rarity[stem(word)] = 0.0
    return rarity
