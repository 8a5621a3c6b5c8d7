"""What of a message its importance is made of, seen once per message whatever stands around it."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from .sentences import sentences
from .speech import FIRST_PERSON, PHATIC, SECOND_PERSON, TIME
from .stems import stem
from .values import Turn
from .words import MAX_LETTERS, STOP, words

#: Of a longer text, half of this at its beginning and half at its end are looked at, in characters.
LOOKED_AT: Final = 1 << 16
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


class Sentence(NamedTuple):
    """One sentence of a message."""

    text: str
    #: Stems of its words that are about something, in order.
    terms: tuple[str, ...]
    #: Of those, with a capital letter that no sentence's beginning explains.
    names: tuple[str, ...]
    numbers: int
    #: Words that say when.
    times: int
    is_question: bool
    #: It opens with a greeting, thanks or praise.
    is_phatic: bool
    is_first_person: bool
    is_second_person: bool


class Features(NamedTuple):
    """A message; as long as its text stays, so do these."""

    speaker: str
    sentences: tuple[Sentence, ...]
    #: Of all sentences, each once, in order.
    terms: tuple[str, ...]
    #: How long it is: words and marks of the whole text, about as many as its tokens.
    length: int
    #: It ends by asking, in its last sentence or the one before.
    asks: bool


class _Word(NamedTuple):
    lower: str
    terms: tuple[str, ...]
    is_number: bool
    is_time: bool
    has_capital: bool


def features(turn: Turn) -> Features:
    """What there is to see in a message. Linear in its text, up to `LOOKED_AT`."""
    text = turn.text
    if len(text) > LOOKED_AT:
        text = f"{text[: LOOKED_AT // 2]}\n{text[-LOOKED_AT // 2 :]}"
    found = tuple(_sentence(sentence) for sentence in sentences(text))
    return Features(
        speaker=turn.speaker or turn.role,
        sentences=found,
        terms=tuple(dict.fromkeys(term for sentence in found for term in sentence.terms)),
        length=_length(turn.text),
        asks=any(sentence.is_question for sentence in found[-2:]),
    )


def _length(text: str) -> int:
    """Four characters a token, and one for what goes around a message: only proportions matter here."""
    return len(text) // 4 + 4


def _sentence(text: str) -> Sentence:
    seen = [_word(match[:MAX_LETTERS]) for match in _WORD.findall(text)]
    lower = {word.lower for word in seen}
    about = [word for word in seen if word.terms]
    return Sentence(
        text=text,
        terms=tuple(term for word in about for term in word.terms),
        names=tuple(word.terms[0] for word in seen[1:] if word.has_capital and word.terms),
        numbers=sum(word.is_number for word in seen),
        times=sum(word.is_time for word in seen),
        is_question=text.endswith(("?", "\uff1f")),
        is_phatic=bool(seen) and seen[0].lower in PHATIC,
        is_first_person=not lower.isdisjoint(FIRST_PERSON),
        is_second_person=not lower.isdisjoint(SECOND_PERSON),
    )


# The vocabulary of a large conversation, of words of at most MAX_LETTERS.
@lru_cache(maxsize=1 << 16)
def _word(raw: str) -> _Word:
    lower = raw.lower().replace("\u2019", "'")
    number = any(character.isdigit() for character in raw)
    plain = number or lower in TIME or lower in PHATIC
    return _Word(
        lower=lower,
        terms=() if plain else tuple(stem(word) for word in words(raw) if word not in STOP),
        is_number=number,
        is_time=lower in TIME,
        has_capital=raw[0].isupper(),
    )
