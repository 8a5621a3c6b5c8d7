"""What of a model's answer can be believed, decided without asking another model.

A fact is struck unless it cites messages that it was made from, names no number and no identifier that they
do not have, speaks of what they speak of, and is a statement: no command, no turn of a conversation, no call
of a tool, and no politeness. What is left has to be enough, to be short, and in the messages' language.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from .abstract_language import same_language
from .abstract_reading import Claim, claims
from .abstract_sources import Sources
from .quoting import quoted
from .values import Turn

Count = Callable[[str], int]

#: Tokens of a summary by those of what it replaces, in per-mille: one that is longer spares too little.
SHARE_PER_MILLE: Final = 600
#: A longer fact is a paragraph.
_LETTERS_MAX: Final = 600
_HELP: Final = (
    "help|assist|provide|summar|comply|do that|fulfil|continue|create|generate|process|share|access"
)
_CANNOT: Final = (
    r"(?:unfortunately,? )?i(?: can(?:no|['\u2019])t|['\u2019]?m unable to| am unable to| won['\u2019]t)"
)
_REFUSAL: Final = re.compile(
    rf"{_CANNOT} (?:{_HELP})|i(?:['\u2019]?m| am) (?:sorry|afraid)|i (?:apologi[sz]e|must decline)"
    r"|sorry\b|as an ai\b|es tut mir leid|je suis d\u00e9sol|lo siento",
    re.IGNORECASE,
)
_CHATTER: Final = re.compile(
    r"(?:sure|certainly|of course|okay|ok|absolutely|great question|here (?:is|are) (?:the|a|your|my)"
    rf"|here['\u2019]s|let me (?:{_HELP})|i(?:['\u2019]ll|['\u2019]d be happy to) (?:{_HELP})"
    r"|thank you for)\b",
    re.IGNORECASE,
)
#: It was asked, and says that nothing matters.
_NOTHING: Final = re.compile(r"\"facts\"\s*+:\s*+\[\s*+\]")
#: How turns, calls of tools and commands are written, beside what `quoted` breaks up.
_SYNTAX: Final = re.compile(
    r"^(?:user|assistant|system|tool|human|ai) ?:|^[{\[]|```|\"(?:tool_calls?|function|arguments)\" ?:"
    r"|(?:ignore|disregard|forget) (?:all |any |the )?(?:previous|prior|above|earlier) "
    r"(?:instruction|message|prompt)",
    re.IGNORECASE,
)


class Fact(NamedTuple):
    """What a summary says, and the messages that say so, ascending."""

    text: str
    cited: tuple[int, ...]
    kind: str


class Verdict(NamedTuple):
    """What an answer is worth."""

    facts: tuple[Fact, ...]
    #: What was stated and is not believed, and why, as a code.
    struck: tuple[tuple[str, str], ...]
    #: Why it is no summary, as a code; None when it is one.
    problem: str | None
    #: The facts as lines, within the limit whatever the problem; empty without facts.
    text: str


def judge(
    answer: str,
    finish_reason: str | None,
    turns: Sequence[tuple[int, Turn]],
    *,
    max_tokens: int,
    count: Count,
    replaces_tokens: int,
) -> Verdict:
    """Check an answer to `prompt` against its messages.

    Its text has at most `max_tokens`, and fewer than `SHARE_PER_MILLE` of what it replaces, by `count`.
    """
    stated = claims(answer)
    sources = Sources(turns)
    facts: list[Fact] = []
    struck: list[tuple[str, str]] = []
    for claim in stated:
        found = _checked(claim, sources)
        if isinstance(found, str):
            struck.append((claim.text, found))
        else:
            facts.append(found)
    fitting, text = fitted(facts, limit(max_tokens, replaces_tokens), count)
    problem = (
        _of_answer(answer, finish_reason, stated)
        or _of_facts(facts, struck, turns)
        or ("too_long" if len(fitting) < len(facts) else None)
    )
    if problem == "wrong_language":
        struck += [(fact.text, problem) for fact in fitting]
        fitting, text = (), ""
    return Verdict(fitting, tuple(struck), problem, text)


def limit(max_tokens: int, replaces_tokens: int) -> int:
    """Tokens that a summary may have."""
    return max(0, min(max_tokens, (replaces_tokens * SHARE_PER_MILLE - 1) // 1000))


def fitted(facts: Sequence[Fact], tokens: int, count: Count) -> tuple[tuple[Fact, ...], str]:
    """The first of the facts, as many as fit, and their lines."""
    chosen: list[Fact] = []
    left = tokens
    for fact in facts:
        left -= count(f"\n{written(fact)}")
        if left < 0:
            break
        chosen.append(fact)
    text = "\n".join(map(written, chosen))
    while chosen and count(text) > tokens:
        chosen.pop()
        text = "\n".join(map(written, chosen))
    return tuple(chosen), text


def written(fact: Fact) -> str:
    """A fact as a line."""
    cited = ", ".join(f"m{ordinal}" for ordinal in fact.cited)
    kind = "" if fact.kind == "fact" else f"{fact.kind}: "
    return f"- {kind}{fact.text} [{cited}]"


def _checked(claim: Claim, sources: Sources) -> Fact | str:
    """The fact, or why it is none."""
    if not claim.ids or any(ordinal not in sources for ordinal in claim.ids):
        return "uncited"
    if len(claim.text) > _LETTERS_MAX:
        return "too_long"
    if quoted(claim.text) != claim.text or _SYNTAX.search(claim.text):
        return "syntax"
    if _REFUSAL.match(claim.text):
        return "refused"
    if _CHATTER.match(claim.text):
        return "chatter"
    backing = sources.backing(claim.text, claim.ids)
    if isinstance(backing, str):
        return "unfounded"
    if not sources.shares_words(claim.text):
        return "unrelated"
    return Fact(claim.text, backing, claim.kind)


def _of_answer(answer: str, finish_reason: str | None, stated: Sequence[Claim]) -> str | None:
    said = answer.strip()
    if not said:
        return "empty"
    if finish_reason not in (None, "stop"):
        return "cut_off"
    if stated:
        return None
    if _NOTHING.search(said):
        return "nothing"
    if _REFUSAL.match(said):
        return "refused"
    return "chatter" if _CHATTER.match(said) else "no_facts"


def _of_facts(
    facts: Sequence[Fact], struck: Sequence[tuple[str, str]], turns: Sequence[tuple[int, Turn]]
) -> str | None:
    """Whether it is to be trusted with what could not be checked."""
    if len(struck) > len(facts):
        return struck[0][1] if all(why == struck[0][1] for _, why in struck) else "unfounded"
    spoken = "\n".join(turn.text for _, turn in turns if turn.role in ("user", "assistant"))
    told = "\n".join(fact.text for fact in facts)
    return None if same_language(spoken, told) else "wrong_language"
