"""What tells of a turn besides its words: who says it, and whether it states facts."""

import re
from typing import Final

from .words import STOP, words

#: With so many, a turn is as factual as can be.
_FACTS_MAX: Final = 8
#: Capitalised words and numbers, whatever they are: names, dates, prices.
_FACT: Final = re.compile(r"\b(?:[A-Z][a-z]+|\d[\d:.,]*)")

#: The user speaking of what was said: of the user's own turns, of the assistant's.
_USER: Final = frozenset({"i", "i'm", "i've", "i'd", "me", "mine", "my", "myself", "our", "we"})
_ASSISTANT: Final = frozenset({"you", "you've", "your", "yours", "yourself"})
#: Asks for something now, and says nothing of who said it.
_POLITE: Final = re.compile(
    r"\b(?:(?:(?:can|could|would|will|do) you )?(?:please )?"
    r"(?:tell|remind|show|give|help|find|list|let|know|remember|recall)(?: (?:me|us))?"
    r"|thank you|i (?:want|need|would like))\b"
)


def facts(text: str) -> float:
    """How many names and numbers there are, from 0 to 1."""
    found = 0
    for found, _match in enumerate(_FACT.finditer(text), 1):
        if found == _FACTS_MAX:
            break
    return found / _FACTS_MAX


def name_words(speaker: str) -> frozenset[str]:
    """The words that a question would call the speaker by."""
    return frozenset(word for word in words(speaker) if word not in STOP)


def spoken(asked: frozenset[str], name: frozenset[str]) -> float:
    """How much of a speaker's name a question has, from 0 to 1."""
    return len(asked & name) / len(name) if name else 0.0


def roles(query: str) -> dict[str, float]:
    """By role, whether the question is about what they said: "what did I say", "your answer"."""
    asked = frozenset(words(_POLITE.sub(" ", query.lower())))
    return {"user": float(bool(asked & _USER)), "assistant": float(bool(asked & _ASSISTANT))}
