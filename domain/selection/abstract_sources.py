"""Whether what a fact names stands in the messages: numbers as numbers, everything else as it is written."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from .identifiers import identifiers
from .values import Turn
from .words import terms

#: Letters, digits and `_` of scripts with spaces between words: beside each other, they are one word.
_JOINED: Final = r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff]"
_JOINS: Final = re.compile(_JOINED)
#: Words, and what digits tie to them: `HAT136`, `1,299.00`, `2024-05-12`, `10:30`, `2.7b`.
_RUN: Final = re.compile(rf"{_JOINED}++(?:[.,:/\u2013-](?=\d){_JOINED}++)*+")
_DIGIT: Final = re.compile(r"\d")
#: A number, alone or with a unit or as an ordinal: `5kg`, `16th`, `30s`.
_NUMBER: Final = re.compile(r"(\d+(?:[.,:/\u2013-]\d+)*)[A-Za-z\u00b5\u00b0]{0,3}")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL: Final = re.compile(r"\d+\.\d+")
_PARTS: Final = re.compile("[:/-]")
#: What stands before and after a number and does not make another one of it.
_AROUND: Final = "+-$\u20ac\u00a3\u00a5#~%"
#: A longer number is compared as it is written.
_DIGITS_MAX: Final = 64


class Source(NamedTuple):
    """A message, with what it names."""

    ordinal: int
    numbers: frozenset[str]
    names: frozenset[str]
    #: Its text, in lower case.
    folded: str


class Sources:
    """The messages that a summary is to stand for."""

    def __init__(self, turns: Sequence[tuple[int, Turn]]) -> None:
        self._sources = {ordinal: _source(ordinal, turn) for ordinal, turn in turns}
        self._terms = frozenset(term for _, turn in turns for term in terms(turn.text))

    def __contains__(self, ordinal: int) -> bool:
        return ordinal in self._sources

    def backing(self, text: str, ids: Sequence[int]) -> tuple[int, ...] | str:
        """The messages that have all that a fact names, those it cites first; or what none of them has."""
        cited = [*ids]
        for value, number in _values(text):
            if any(_has(self._sources[each], value, number=number) for each in cited):
                continue
            found = next((one for one in self._sources.values() if _has(one, value, number=number)), None)
            if found is None:
                return value
            cited.append(found.ordinal)
        return tuple(sorted(cited))

    def shares_words(self, text: str) -> bool:
        """Whether at least half of what a fact speaks of is spoken of in the messages."""
        spoken = terms(text)
        return 2 * sum(term in self._terms for term in spoken) >= max(1, len(spoken))


def _source(ordinal: int, turn: Turn) -> Source:
    numbers = frozenset(form for run, number in _runs(turn.text) if number for form in _forms(run))
    names = frozenset(name.casefold() for name in identifiers(turn.text))
    return Source(ordinal, numbers, names, turn.text.casefold())


def _values(text: str) -> Iterator[tuple[str, bool]]:
    """What a fact names, and whether it is a number."""
    for run, number in _runs(text):
        yield _canonical(run) if number else run.casefold(), number
    for name in identifiers(text):
        if not _NUMBER.fullmatch(name.strip(_AROUND)[:_DIGITS_MAX]):
            yield name.casefold(), False


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Whatever has digits, and whether it is a number: `4WQ150` is none, `5kg` is 5. Linear in the text."""
    for match in _RUN.finditer(text):
        run = match.group()
        if _DIGIT.search(run):
            number = _NUMBER.fullmatch(run) if len(run) <= _DIGITS_MAX else None
            yield (number[1], True) if number else (run, False)


def _has(source: Source, value: str, *, number: bool) -> bool:
    if number:
        return value in source.numbers
    return value in source.names or _occurs(value, source.folded)


def _occurs(value: str, text: str) -> bool:
    """Whether it stands there by itself, and not as a part of something longer."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if not (_joins(text[at - 1 : at]) and _joins(value[0])) and not (
            _joins(text[end : end + 1]) and _joins(value[-1])
        ):
            return True
        at = text.find(value, at + 1)
    return False


def _joins(character: str) -> bool:
    return _JOINS.match(character) is not None


def _forms(number: str) -> Iterator[str]:
    """A number in the forms in which a fact may name it: whole, or the parts of a date or time."""
    yield _canonical(number)
    if _PARTS.search(number):
        for part in _PARTS.split(number):
            yield _canonical(part)


def _canonical(number: str) -> str:
    """Without what only spells it: commas between thousands, noughts before it and behind its point."""
    number = number.replace("\u2013", "-")
    if _THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    if _DECIMAL.fullmatch(number):
        number = number.rstrip("0").rstrip(".")
    return str(int(number)) if number.isdecimal() else number
