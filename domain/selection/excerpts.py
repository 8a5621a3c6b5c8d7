"""Passages of messages that a summary may quote, the best first."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ..contexts.values import Genre
from .features import Features, Sentence, features
from .genres import GENRES, Weights
from .importance import Worth, worths
from .ledger import label
from .quoting import quoted
from .values import Turn

#: A message of the user's that is no longer is quoted whole, in characters.
_WHOLE_LETTERS: Final = 240
#: A longer sentence is none: a listing, a page without full stops.
_SENTENCE_LETTERS: Final = 400
#: One of fewer words that are about something is a phrase of politeness, or the title of a list.
_LEAST_WORDS: Final = 3
#: Tokens that the number of a message and who speaks take on a line.
_AROUND: Final = 8
#: Calls, code and markup are for the ledger: half of them says nothing.
_CODE: Final = re.compile(r"[{}<>=\\]|\w\(|```")


class Excerpt(NamedTuple):
    """A passage."""

    ordinal: int
    #: Of the sentence among its message's.
    place: int
    turn: Turn
    text: str
    #: What it is worth for its length.
    density: float

    @property
    def line(self) -> str:
        """It, with the number of its message and who speaks."""
        speaker = label(self.turn)
        return f"[m{self.ordinal}] {speaker}{': ' if speaker else ''}{quoted(self.text)}"


def excerpts(turns: Sequence[tuple[int, Turn]], genre: Genre) -> tuple[list[Excerpt], list[Excerpt]]:
    """Of the user's words and of the assistant's, the best first; the user's first request before all."""
    weights = GENRES[genre]
    found = [features(turn) for _, turn in turns]
    own: list[Excerpt] = []
    said: list[Excerpt] = []
    for (ordinal, turn), message, worth in zip(turns, found, worths(found, weights), strict=True):
        if turn.role == "user":
            own += _of_user(ordinal, turn, message, worth, weights)
        elif turn.role == "assistant":
            said += _sentences(ordinal, turn, message, worth, weights)
    first = _first(turns, found)
    own.sort(key=lambda excerpt: (excerpt.ordinal != first, -excerpt.density, excerpt.ordinal, excerpt.place))
    said.sort(key=lambda excerpt: (-excerpt.density, excerpt.ordinal, excerpt.place))
    return own, said


def _first(turns: Sequence[tuple[int, Turn]], found: Sequence[Features]) -> int | None:
    """The user's first message that is more than a greeting: mostly what all the rest is about."""
    for (ordinal, turn), message in zip(turns, found, strict=True):
        if turn.role == "user" and sum(map(_told, message.sentences)) >= _LEAST_WORDS:
            return ordinal
    return None


def _of_user(
    ordinal: int, turn: Turn, message: Features, worth: Worth, weights: Weights
) -> Iterator[Excerpt]:
    if len(turn.text) > _WHOLE_LETTERS:
        yield from _sentences(ordinal, turn, message, worth, weights)
    elif worth.whole > 0:
        yield _excerpt(ordinal, 0, turn, turn.text, worth.whole, weights)


def _sentences(
    ordinal: int, turn: Turn, message: Features, worth: Worth, weights: Weights
) -> Iterator[Excerpt]:
    for place, (sentence, value) in enumerate(zip(message.sentences, worth.sentences, strict=True)):
        if _says_something(sentence):
            yield _excerpt(ordinal, place, turn, sentence.text, value, weights)


def _says_something(sentence: Sentence) -> bool:
    if _told(sentence) < _LEAST_WORDS or sentence.text.endswith(":"):
        return False
    return len(sentence.text) <= _SENTENCE_LETTERS and not _CODE.search(sentence.text)


def _told(sentence: Sentence) -> int:
    return len(sentence.terms) + sentence.numbers + sentence.times


def _excerpt(ordinal: int, place: int, turn: Turn, text: str, worth: float, weights: Weights) -> Excerpt:
    return Excerpt(ordinal, place, turn, text, worth / (len(text) // 4 + _AROUND) ** weights.length)
