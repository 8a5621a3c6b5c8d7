"""Which turns of a conversation a question is about.

Two measures of the words, BM25 over stems and the likeness of spelling, which forgives what stemming and
typing do to words; each spread to the neighbours and brought to the range from 0 to 1. On top of them small
cues: who is asked about, whether a turn states facts, what an agent of this kind attends to.

The weights were set by hand, and are round.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from math import fsum, isfinite, log, sqrt
from typing import Final

from .cues import roles, spoken
from .postings import Postings, shortened
from .specialisation import PROFILES, Profile
from .spreading import spread
from .stems import stem
from .values import WHOLE
from .words import STOP, words

#: BM25's own, as Robertson and Zaragoza recommend them.
_K1, _B = 1.2, 0.75
#: Beside the words, which have one. Spelling is a second opinion on the same words.
_ALIKE: Final = 0.5
#: An opinion of the same standing as the words'.
_SIMILAR: Final = 1.0
#: As much as half of the best hit: of two people, the one that is asked about answers it.
_SPEAKER: Final = 0.5
#: A role is said less surely than a name is.
_ROLE: Final = 0.25
#: Facts, and what an agent attends to, decide between turns that the question leaves alike.
_FACTS: Final = 0.1
_PROFILE: Final = 0.2
#: With so many of its terms a turn has all of a profile's attention.
_ATTENTION: Final = 3
#: A question has less; of a longer text its beginning and its end are asked.
_CHARACTERS_MAX, _WORDS_MAX = 4096, 128


def rank(
    postings: Postings, query: str, profile: str | Profile, similarities: Sequence[float], turns: float
) -> list[int]:
    """The score of each turn in millionths, see Index.rank; a hit tells of so many turns around it."""
    kind = PROFILES[profile] if isinstance(profile, str) else profile
    if similarities and (len(similarities) != len(postings) or not all(map(isfinite, similarities))):
        raise ValueError(f"{len(postings)} turns want as many similarities, which are numbers")
    if not len(postings):
        return []
    query = shortened(query, _CHARACTERS_MAX)
    asked = _asked(query)
    scores = _cues(postings, query, asked, kind)
    for weight, measure in _measures(postings, asked, similarities, turns):
        scores = [score + weight * value for score, value in zip(scores, measure, strict=True)]
    return _millionths(scores)


def _asked(query: str) -> Counter[str]:
    found = words(query)
    if len(found) > _WORDS_MAX:
        found = found[: _WORDS_MAX // 2] + found[-_WORDS_MAX // 2 :]
    return Counter(found)


def _measures(
    postings: Postings, asked: Counter[str], similarities: Sequence[float], turns: float
) -> Iterable[tuple[float, list[float]]]:
    """What the measures give each turn, from 0 to 1, and what they weigh."""
    if _is_known(postings, asked):
        yield 1.0, _ranged(spread(_bm25(postings, asked), turns))
        yield _ALIKE, _ranged(spread(_likeness(postings, asked), turns))
    elif not similarities:
        yield 1.0, _ranged(range(len(postings)))
    if similarities:
        yield _SIMILAR, _ranged(spread(_centred(_ranged(similarities)), turns))


def _is_known(postings: Postings, asked: Counter[str]) -> bool:
    """A word that says anything, or one like it, was used."""
    return any(True for word in asked if word not in STOP for _ in postings.grams.lists(word))


def _bm25(postings: Postings, asked: Counter[str]) -> "array[float]":
    """S. Robertson, H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009."""
    scores = array("d", bytes(8 * len(postings)))
    average = max(1.0, postings.total_terms / len(postings))
    of_length = [_K1 * (1 - _B + _B * terms / average) for terms in postings.terms]
    for term, times in _terms(asked).items():
        found: Counter[int] = Counter()
        for number in postings.by_stem.get(term, ()):
            found.update(postings.turns_with[number])
        rarity = log(1 + (len(postings) - len(found) + 0.5) / (len(found) + 0.5))
        for turn, count in found.items():
            scores[turn] += times * rarity * count * (_K1 + 1) / (count + of_length[turn])
    return scores


def _terms(asked: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, times in asked.items():
        if word not in STOP:
            found[stem(word)] += times
    return found


def _likeness(postings: Postings, asked: Counter[str]) -> "array[float]":
    """The cosine of turn and question in the space of pieces of words, rare pieces weighing more.

    A turn's pieces are those of its words, so that a word of the vocabulary is looked at once for all turns.
    The turn's own length in that space is taken without the weights, which change with every turn added.
    """
    alike: dict[int, float] = {}
    for word, times in asked.items():
        for numbers in postings.grams.lists(word):
            weight = times * _rarity(postings, numbers)
            for number in numbers:
                alike[number] = alike.get(number, 0.0) + weight
    scores = array("d", bytes(8 * len(postings)))
    for number, weight in alike.items():
        for turn in postings.turns_with[number]:
            scores[turn] += weight
    return array(
        "d",
        (score / sqrt(size) if score else 0.0 for score, size in zip(scores, postings.pieces, strict=True)),
    )


def _rarity(postings: Postings, numbers: "array[int]") -> float:
    turns = sum(len(postings.turns_with[number]) for number in numbers)
    return (1 + log((len(postings) + 1) / (min(turns, len(postings)) + 1))) ** 2


def _cues(postings: Postings, query: str, asked: Counter[str], profile: Profile) -> list[float]:
    said_by = roles(query)
    favoured = dict(profile.roles)
    called = frozenset(asked)
    of_speaker = [
        (_SPEAKER * spoken(called, name) if name else _ROLE * said_by.get(role, 0.0))
        + _ROLE * favoured.get(role, 0.0)
        for (role, _), name in zip(postings.speaker_numbers, postings.known_as, strict=True)
    ]
    scores = [
        of_speaker[speaker] + _FACTS * facts
        for speaker, facts in zip(postings.speakers, postings.facts, strict=True)
    ]
    for turn, terms in _attention(postings, profile).items():
        scores[turn] += _PROFILE * min(1.0, terms / _ATTENTION)
    return scores


def _attention(postings: Postings, profile: Profile) -> Counter[int]:
    """By turn, how many of the profile's terms it has."""
    found: Counter[int] = Counter()
    for term in profile.terms():
        numbers = postings.by_stem.get(term, ())
        found.update(list(dict.fromkeys(turn for number in numbers for turn in postings.turns_with[number])))
    return found


def _ranged(values: Sequence[float]) -> list[float]:
    """From 0 for the least to 1 for the most; all 0 where all are alike."""
    least, most = min(values), max(values)
    if most <= least:
        return [0.0] * len(values)
    scale = 1.0 / (most - least)
    return [(value - least) * scale for value in values]


def _centred(values: Sequence[float]) -> list[float]:
    """Around 0. Words are in few turns, but every turn is somewhat similar: the more neighbours, the more of
    that would be added up, and the middle of a conversation would be about everything."""
    mean = fsum(values) / len(values)
    return [value - mean for value in values]


def _millionths(scores: Sequence[float]) -> list[int]:
    most = max(scores)
    return [round(score / most * WHOLE) for score in scores] if most > 0 else [0] * len(scores)
