"""The words of a text, in any script, and the terms they are compared by."""

import re
from typing import Final
from unicodedata import normalize

from .stems import stem

#: A longer word is nobody's word (base64, a hash, a text without spaces): its beginning stands for it.
MAX_LETTERS: Final = 64

#: Han, kana, hangul, Thai, Lao, Burmese and Khmer: no spaces between words.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
#: Marks that belong to the letter before them, which `\w` leaves out: accents, Hebrew points, Arabic
#: vowels, and the vowel signs of India's scripts.
_MARKS: Final = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
#: The alternatives start with different characters and their classes are disjoint: nothing is tried twice.
_WORD: Final = re.compile(
    rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{_MARKS}]|['\u2019](?=[^\W_{_UNSPACED}]))*"
)
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
#: Characters that say how to draw others: joiners, directions, the soft hyphen, the byte order mark.
_UNSEEN: Final = dict.fromkeys(
    [0xAD, 0x61C, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)]
)

#: English words that say little of what a text is about.
STOP: Final = frozenset(
    """a about above after again against all am an and any are as at be because been before being below
    between both but by can cannot could did do does doing don down during each few for from further had has
    have having he her here hers herself him himself his how i if in into is it its itself just let me might
    more most must my myself no nor not now of off on once only or other our ours ourselves out over own same
    shall she should so some such than that the their theirs them themselves then there these they this those
    through to too under until up us very was we were what when where which while who whom whose why will
    with would yes you your yours yourself yourselves oh ok okay hey hi hello yeah um uh hm hmm mm
    i'm i've i'll i'd you're you've you'll you'd he's he'll he'd she's she'll she'd it's it'll we're we've
    we'll we'd they're they've they'll they'd that's that'll there's here's what's who's where's how's let's
    isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't won't wouldn't can't couldn't
    shouldn't mustn't ain't""".split()  # noqa: SIM905 - a list of as many strings would be a page
)


def words(text: str) -> list[str]:
    """The words in order, lower-case; where a script has no spaces, pairs of neighbouring characters.

    A possessive 's is left out. Linear in the text, whatever it holds.
    """
    if text.isascii():
        return [_bare(word) for word in _WORD.findall(text.lower())]
    found: list[str] = []
    for word in _WORD.findall(text.translate(_UNSEEN)):
        if _IS_UNSPACED.match(word):
            found += [normalize("NFKC", word[at : at + 2]) for at in range(max(1, len(word) - 1))]
        else:
            # After it is cut: to normalise a run of marks takes as long as its length squared.
            found.append(_bare(normalize("NFKC", word[:MAX_LETTERS]).lower().replace("\u2019", "'")))
    return found


def terms(text: str) -> list[str]:
    """The stems of the words that are no stop words, in order."""
    return [stem(word) for word in words(text) if word not in STOP]


def _bare(word: str) -> str:
    if word.endswith("'s") and word not in STOP:
        word = word[:-2]
    return word[:MAX_LETTERS]
