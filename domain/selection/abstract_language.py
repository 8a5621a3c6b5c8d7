"""Whether two texts are in the same language, as far as letters and the commonest words can tell."""

import re
from collections import Counter
from typing import Final

from .words import words

#: Of a text, so much is looked at.
_CHARACTERS: Final = 1 << 16
#: A script, its letters, and how many letters of an alphabet one of them stands for.
_SCRIPTS: Final = tuple(
    (name, re.compile(f"[{letters}]"), weight)
    for name, letters, weight in (
        ("latin", "A-Za-z\u00c0-\u024f", 1),
        ("greek", "\u0370-\u03ff", 1),
        ("cyrillic", "\u0400-\u052f", 1),
        ("hebrew", "\u0590-\u05ff", 1),
        ("arabic", "\u0600-\u06ff", 1),
        ("indic", "\u0900-\u0dff", 1),
        ("thai", "\u0e00-\u0eff", 1),
        ("chinese", "\u3040-\u30ff\u3400-\u9fff", 3),
        ("hangul", "\uac00-\ud7af", 2),
    )
)
#: Words that each of these languages has in nearly every sentence, and few others have at all.
_COMMON: Final = {
    "en": "the and of to is that was for with this are be have not you it",
    "de": "der die das und ist nicht ein eine zu mit den von auf ich sie wir",
    "fr": "le les des et est une que pour dans pas vous il sur du je nous",
    "es": "el los las y es una que para por con no se del lo como est\u00e1",
    "it": "il di che \u00e8 un una per non sono gli della con ho si nel come",
    "pt": "o os e \u00e9 um uma que para n\u00e3o com do da em se dos voc\u00ea",
    "nl": "de het een en van is niet dat op ik met voor je zijn te we",
}
_LANGUAGES: Final = {name: frozenset(listed.split()) for name, listed in _COMMON.items()}
#: So many of its common words, and half as many again as of any other language, make it sure.
_HITS: Final = 6


def same_language(source: str, summary: str) -> bool:
    """False only where it is plain that the summary is in a script or language that the source is not in."""
    theirs, ours = _letters(source), _letters(summary)
    if not theirs or not ours:
        return True
    script = max(ours, key=lambda name: ours[name])
    if 4 * theirs[script] < sum(theirs.values()):
        return False
    known, told = _language(source), _language(summary)
    return known is None or told is None or known == told


def _letters(text: str) -> Counter[str]:
    """How much of each script there is; nothing of those that there is none of."""
    text = text[:_CHARACTERS]
    found = {name: weight * len(pattern.findall(text)) for name, pattern, weight in _SCRIPTS}
    return Counter({name: count for name, count in found.items() if count})


def _language(text: str) -> str | None:
    """One that uses the Latin alphabet, where it is sure."""
    spoken = Counter(words(text[:_CHARACTERS]))
    hits = sorted(
        ((sum(spoken[word] for word in sorted(common)), name) for name, common in _LANGUAGES.items()),
        reverse=True,
    )
    (most, name), (second, _) = hits[0], hits[1]
    return name if most >= _HITS and 2 * most >= 3 * second else None
