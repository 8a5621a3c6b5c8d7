"""Windows with other messages in them, and what those come to."""

from collections.abc import Iterable
from typing import Any

from ..copying import replace
from . import entries, spans
from .state import Context
from .structure import leading
from .values import Spans


def total(context: Context, numbers: Iterable[int]) -> tuple[int, int]:
    """Tokens and bytes of some messages."""
    tokens = size = 0
    for ordinal in numbers:
        entry = entries.at(context.entries, ordinal)
        tokens += entry.tokens
        size += entry.size
    return tokens, size


def measured(context: Context, window: Spans, **changes: Any) -> Context:
    """The context with another window, whose tokens and bytes are added up anew."""
    tokens, size = total(context, spans.ordinals(window))
    sent = (entries.at(context.entries, ordinal) for ordinal in spans.ordinals(window))
    fixed_tokens = sum(entry.tokens for entry in sent if entry.fixed)
    return replace(context, window=window, tokens=tokens, size=size, fixed_tokens=fixed_tokens, **changes)


def mended(context: Context, lost: Spans) -> Context:
    """The context without messages whose texts are gone: calls and results go with one another.

    What then stands before the user's first message goes as well, but for what is pinned; it can be put back.
    """
    known = context.entries
    for ordinal in spans.ordinals(lost):
        if 0 <= ordinal < entries.count(known):
            entry = entries.at(known, ordinal)._replace(lost=True)
            known = entries.changed(known, ordinal, entry)
    marked = replace(context, entries=known)
    broken = {
        head: None
        for ordinal, entry in enumerate(entries.every(known))
        if entry.lost
        for head in (ordinal if entry.answers is None else entry.answers,)
    }
    whole = [
        ordinal
        for ordinal in spans.ordinals(context.window)
        if (ordinal if (call := entries.at(known, ordinal).answers) is None else call) not in broken
    ]
    gone = leading(known, whole)
    window = spans.spans_of(ordinal for ordinal in whole if ordinal not in gone)
    return measured(marked, window, revision=context.revision + 1)
