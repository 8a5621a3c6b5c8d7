"""What a model states, out of whatever it answers.

Objects are looked for one by one, so that it does not matter whether they come as lines, in a list, in a
fence, behind a preface, or are cut off in the end. What is no JSON is not mended: a model that leaves out a
comma leaves out other things.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

from .abstract import KINDS

#: Of an answer, so many characters are read, and so many facts.
_CHARACTERS_MAX: Final = 1 << 16
_CLAIMS_MAX: Final = 256
#: Objects that are begun and not ended cost a look at all that is behind them.
_FAILURES_MAX: Final = 256
_IDS_MAX: Final = 32
_THOUGHTS: Final = re.compile(r"</think(?:ing)?>")
#: As the prompt names messages, and as some models repeat it in what they state.
_CITATION: Final = re.compile(r"\[m[0-9]{1,9}(?:, ?m[0-9]{1,9}){0,31}\]")
_NUMBERS: Final = re.compile("[0-9]+")
_ID: Final = re.compile(r"\[?m?([0-9]{1,9})\]?")

_DECODER: Final = json.JSONDecoder()


class Claim(NamedTuple):
    """A fact as the model states it."""

    text: str
    #: Numbers of messages, as it cites them, each once; whether they exist is another matter.
    ids: tuple[int, ...]
    kind: str


def claims(answer: str) -> tuple[Claim, ...]:
    """What it states, in its order, each once; what a model thinks before it answers is passed over."""
    said = _THOUGHTS.split(answer[-_CHARACTERS_MAX:])[-1]
    found = (claim for fields in _objects(said) for claim in _claims(fields))
    by_text: dict[str, Claim] = {}
    for claim in found:
        by_text.setdefault(claim.text.casefold(), claim)
        if len(by_text) == _CLAIMS_MAX:
            break
    return tuple(by_text.values())


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The outermost JSON objects that are whole."""
    at, failures = text.find("{"), 0
    while at >= 0 and failures < _FAILURES_MAX:
        try:
            found, at = _DECODER.raw_decode(text, at)
            yield cast("dict[str, Any]", found)
        except (ValueError, RecursionError):
            failures += 1
            at += 1
        at = text.find("{", at)


def _claims(fields: Mapping[str, Any]) -> Iterator[Claim]:
    several: object = fields.get("facts")
    if isinstance(several, list):
        for each in cast("list[object]", several):
            if isinstance(each, dict):
                yield from _claim(cast("dict[str, Any]", each))
    else:
        yield from _claim(fields)


def _claim(fields: Mapping[str, Any]) -> Iterator[Claim]:
    text = fields.get("fact")
    if isinstance(text, str) and text.strip():
        kind = fields.get("kind")
        inline = [int(number) for number in _NUMBERS.findall(" ".join(_CITATION.findall(text)))]
        ids = dict.fromkeys([*_ids(fields.get("ids")), *inline[:_IDS_MAX]])
        words = " ".join(_CITATION.sub("", text).split())
        yield Claim(words, tuple(ids), kind if kind in KINDS else "fact")


def _ids(given: object) -> tuple[int, ...]:
    each = cast("list[object]", given)[:_IDS_MAX] if isinstance(given, list) else [given]
    return tuple(dict.fromkeys(number for one in each for number in _id(one)))


def _id(given: object) -> Iterator[int]:
    """As a number, or as it stands in the prompt."""
    if type(given) is int:
        yield given
    elif isinstance(given, str) and (match := _ID.fullmatch(given.strip())):
        yield int(match[1])
