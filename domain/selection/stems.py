"""The stem of an English word, so that `camping` finds `camped`.

M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the two departures of his own
later program: -logi becomes -log, and -bli becomes -ble. Words of other languages come back as they are,
or lose an ending everywhere alike.
"""

import re
from functools import lru_cache
from typing import Final

_STEP_2: Final = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"),
    ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"),
    ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"),
    ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("logi", "log"),
)  # fmt: skip
_STEP_3: Final = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""),
    ("ness", ""),
)  # fmt: skip
_STEP_4: Final = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize",
    "ion", "al", "er", "ic", "ou",
)  # fmt: skip

#: Groups of a vowel and a consonant after it: the measure of a stem is how many there are.
_MEASURE: Final = re.compile("vc")
_KINDS: Final = str.maketrans("abcdefghijklmnopqrstuvwxz", "vcccvcccvcccccvcccccvcccc")


# A vocabulary of this size is that of a large conversation; the words are at most MAX_LETTERS long.
@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The stem of a lower-case word; the word itself where it is short, or has other letters than a-z."""
    if len(word) <= 2 or not (word.isascii() and word.isalpha()):
        return word
    word = _second(_past(_plural(word)))
    word = _replace(word, _STEP_3)
    return _tidy(_strip(word))


def _plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        if word.endswith(ending) and _has_vowel(word[: -len(ending)]):
            return _mended(word[: -len(ending)])
    return word


def _mended(word: str) -> str:
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _is_doubled(word) and word[-1] not in "lsz":
        return word[:-1]
    return word + "e" if _measure(word) == 1 and _is_short(word) else word


def _second(word: str) -> str:
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    return _replace(word, _STEP_2)


def _replace(word: str, table: tuple[tuple[str, str], ...]) -> str:
    for ending, other in table:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            return rest + other if _measure(rest) > 0 else word
    return word


def _strip(word: str) -> str:
    for ending in _STEP_4:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            if ending == "ion" and not rest.endswith(("s", "t")):
                return word
            return rest if _measure(rest) > 1 else word
    return word


def _tidy(word: str) -> str:
    if word.endswith("e"):
        rest = word[:-1]
        measure = _measure(rest)
        if measure > 1 or (measure == 1 and not _is_short(rest)):
            word = rest
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word


def _shape(word: str) -> str:
    """A `v` for each vowel and a `c` for each consonant; y is a vowel after a consonant."""
    found = word.translate(_KINDS)
    while (at := found.find("y")) >= 0:
        found = found[:at] + ("v" if at and found[at - 1] == "c" else "c") + found[at + 1 :]
    return found


def _measure(word: str) -> int:
    return len(_MEASURE.findall(_shape(word)))


def _has_vowel(word: str) -> bool:
    return "v" in _shape(word)


def _is_doubled(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _shape(word)[-1] == "c"


def _is_short(word: str) -> bool:
    """It ends in consonant, vowel, consonant, and the last is none of w, x, y: an e was lost there."""
    return _shape(word).endswith("cvc") and word[-1] not in "wxy"
