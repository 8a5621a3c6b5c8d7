"""A summary of a model's checked facts, with what no summary may lose beside them.

The user's own words and the identifiers that the facts leave out come from the messages themselves, as in a
summary that no model had a part in.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ..contexts.values import Genre
from .abstract_judging import Fact, fitted, written
from .excerpts import Excerpt, excerpts
from .extraction import Extract
from .identifiers import identifiers
from .ledger import Named, ledger, lines
from .values import Turn

Count = Callable[[str], int]

#: Of the tokens, in per-mille, what facts and then the user's words may take as long as others need the rest.
FACTS_PER_MILLE: Final = 600
_OWN_PER_MILLE: Final = 500

_OWN, _NAMED = "The user said:", "Identifiers:"


class _Parts(NamedTuple):
    facts: list[Fact]
    own: list[Excerpt]
    named: list[Named]


def compose(
    facts: Sequence[Fact],
    turns: Sequence[tuple[int, Turn]],
    *,
    max_tokens: int,
    count: Count,
    genre: Genre = "dialogue",
) -> Extract:
    """What fits in `max_tokens`, by `count`; nothing where not one fact does."""
    heading = _heading(turns)
    left = max_tokens - count(f"{heading}\n{_OWN}\n{_NAMED}")
    chosen, text = fitted(facts, left * FACTS_PER_MILLE // 1000, count)
    left -= count(text)
    own = _filled(excerpts(turns, genre)[0], left * _OWN_PER_MILLE // 1000, count)
    left -= sum(count(f"\n{excerpt.line}") for excerpt in own)
    known = frozenset(value for one in [text, *(each.line for each in own)] for value in identifiers(one))
    named, spent = ledger(turns, max_tokens=left, count=count, known=known)
    # What the others leave over, more facts may take.
    more, _ = fitted(facts[len(chosen) :], left - spent, count)
    return _trimmed(heading, _Parts([*chosen, *more], own, named), max_tokens, count)


def _heading(turns: Sequence[tuple[int, Turn]]) -> str:
    first, last = turns[0][0], turns[-1][0]
    return (
        f"[Facts from {len(turns)} messages (m{first} to m{last}), checked against them; kept and restorable]"
    )


def _filled(found: Sequence[Excerpt], left: int, count: Count) -> list[Excerpt]:
    fitting: list[Excerpt] = []
    for excerpt in found:
        cost = count(f"\n{excerpt.line}")
        if cost <= left:
            left -= cost
            fitting.append(excerpt)
    return fitting


def _trimmed(heading: str, parts: _Parts, max_tokens: int, count: Count) -> Extract:
    """Without the last of it as long as it has too many tokens: a whole has not exactly its parts'."""
    while parts.facts:
        text = _text(heading, parts)
        if count(text) <= max_tokens:
            return Extract(text, _cited(parts), len(parts.facts) + len(parts.own) + len(parts.named))
        (parts.named or parts.own or parts.facts).pop()
    return Extract("", (), 0)


def _cited(parts: _Parts) -> tuple[int, ...]:
    cited = [ordinal for fact in parts.facts for ordinal in fact.cited]
    cited += [one.ordinal for one in parts.own]
    cited += [one.ordinal for one in parts.named]
    return tuple(sorted(frozenset(cited)))


def _text(heading: str, parts: _Parts) -> str:
    placed = sorted(enumerate(parts.facts), key=lambda one: (one[1].cited, one[0]))
    told = [heading, *(written(fact) for _, fact in placed)]
    if parts.own:
        told += [_OWN, *(one.line for one in sorted(parts.own, key=lambda one: (one.ordinal, one.place)))]
    if parts.named:
        told += [_NAMED, *lines(parts.named)]
    return "\n".join(told)
