"""Choosing what a summary is to stand for: the oldest atoms that need not stay, older summaries included."""

from dataclasses import dataclass

from .spans import spans_of
from .state import Context
from .structure import Shape, shape, spared
from .values import Spans

#: A summary of fewer tokens than this says nothing.
LEAST_TOKENS = 16
#: What a summary may have of the tokens that it replaces, in per-mille: one that is longer spares too little.
MOST_PER_MILLE = 600
#: Of what the window is brought down to, or of what is replaced where nothing says how far: what a summary is
#: left before more messages stay. With less of it an agent finds fewer of the values that it needs again
#: (`benchmarks/contexts/traces.py`).
SHARE_PER_MILLE = 500


@dataclass(frozen=True)
class Replacement:
    """What is to be replaced, and what the window then comes to at most."""

    replacing: Spans
    #: Messages among them that are no summaries.
    messages: int
    tokens: int
    #: Tokens that the summary may have, and of what stays.
    summary_tokens: int
    kept_tokens: int

    @property
    def after_tokens(self) -> int:
        """What the window has at most when the summary is in it."""
        return self.kept_tokens + self.summary_tokens


def choose(
    context: Context, keep_last: int, summary_tokens: int, target_tokens: int | None = None
) -> Replacement:
    """What to replace so that the window has no more tokens than the target; all that is older without one.

    If that cannot be reached, what comes nearest to it. Nothing is replaced when there is nothing older. The
    summary, which has `summary_tokens` at most, gets what is then left of the target.
    """
    seen = shape(context.entries, context.window)
    stays = spared(seen, context.genre, keep_last)
    chosen: list[int] = []
    replaced = 0
    for place in _oldest(seen, stays):
        if target_tokens is not None and replaced:
            share = _allowed(replaced, min(summary_tokens, target_tokens * SHARE_PER_MILLE // 1000))
            if context.tokens - replaced + share <= target_tokens:
                break
        atom = seen.atom(place)
        chosen += atom
        replaced += sum(seen.sent[member].tokens for member in atom)
    return _replacement(context, seen, sorted(chosen), replaced, summary_tokens, target_tokens)


def _oldest(seen: Shape, stays: dict[int, None]) -> list[int]:
    """The first places of atoms that need not stay, older summaries first: they stand for what is oldest."""
    return [place for place, head in enumerate(seen.heads) if place == head and place not in stays]


def _allowed(replaced: int, tokens: int) -> int:
    return min(tokens, replaced * MOST_PER_MILLE // 1000)


def _replacement(
    context: Context, seen: Shape, chosen: list[int], replaced: int, summary_tokens: int, target: int | None
) -> Replacement:
    kept = context.tokens - replaced
    room = replaced * SHARE_PER_MILLE // 1000 if target is None else max(LEAST_TOKENS, target - kept)
    allowed = _allowed(replaced, min(summary_tokens, room))
    return Replacement(
        replacing=spans_of(seen.ordinals[place] for place in chosen),
        messages=sum(not seen.sent[place].summary for place in chosen),
        tokens=replaced,
        summary_tokens=allowed,
        kept_tokens=kept,
    )
