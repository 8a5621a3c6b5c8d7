"""Unicode's categories as members of a class of the standard library's regular expressions."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

#: Kinds of characters by class: the first letter of the category, but `a` and `A` for the letters of ASCII,
#: `B` for the end of a line and `Z` for all other blanks, as llama.cpp has them.
_CLASSES = {
    "L": "LaA",
    "N": "N",
    "M": "M",
    "P": "P",
    "S": "S",
    "s": "ZB",
    # Letters without a-z and without A-Z: what some patterns say with a look-ahead.
    "Large": "LA",
    "Small": "La",
}
#: The same for all characters that are of none of these kinds. A negated class would do, but it compares
#: each character with each of hundreds of ranges: that takes twenty times as long.
_NEGATED = {"Rest": "LaANZB", "Free": "LaANB", "Loose": "LaAPSB"}


@lru_cache(maxsize=64)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern with `\\p{…}` for the names above, inside of its brackets."""
    for name, members in _members().items():
        pattern = pattern.replace(f"\\p{{{name}}}", members)
    return re.compile(pattern)


@lru_cache(maxsize=1)
def _members() -> dict[str, str]:
    """A third of a second, once: done in the thread that reads the vocabulary."""
    runs: list[tuple[str, int, int]] = []
    place = 0
    for kind, run in groupby(map(_kind, range(0x110000))):
        length = sum(1 for _ in run)
        # What is not assigned is taken with what is before it: fewer ranges.
        runs.append((runs[-1][0] if kind == "-" else kind, place, place + length - 1))
        place += length
    positive = {name: _ranges(runs, kinds) for name, kinds in _CLASSES.items()}
    every = "".join(sorted({kind for kind, _, _ in runs}))
    return positive | {
        name: _ranges(runs, (kind for kind in every if kind not in kinds)) for name, kinds in _NEGATED.items()
    }


def _kind(code: int) -> str:
    character = chr(code)
    if character in "\r\n":
        return "B"
    if character in "\t\v\f\x85":
        return "Z"
    category = unicodedata.category(character)
    if category == "Cn":
        return "-"
    if code < 0x80 and category[0] == "L":
        return "A" if category == "Lu" else "a"
    return category[0]


def _ranges(runs: Iterable[tuple[str, int, int]], kinds: Iterable[str]) -> str:
    wanted = frozenset(kinds)
    found: list[tuple[int, int]] = []
    for kind, first, last in runs:
        if kind in wanted:
            joins = found and found[-1][1] == first - 1
            found.append((found.pop()[0] if joins else first, last))
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in found)
