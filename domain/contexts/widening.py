"""A window with more messages in it: with what belongs to them, and without summaries that nobody needs."""

from collections.abc import Iterable, Iterator

from . import entries
from .entries import Entries
from .spans import ordinals, spans_of
from .state import Context
from .summaries import covered, place
from .values import Entry, Spans


def widened(context: Context, wanted: Iterable[int]) -> Spans:
    """The window with these messages, the calls and results that belong to them, and the user's before them.

    A summary that is not pinned goes out when all that it stands for is there, or another stands for it. What
    was never in a window stays out.
    """
    chosen = dict.fromkeys(ordinals(context.window))
    for ordinal in whole(context.entries, wanted):
        if ordinal in context.covers or not entries.at(context.entries, ordinal).summary:
            chosen[ordinal] = None
    users = _users_before(context, chosen)
    if users is not None:
        chosen[users] = None
    for summary in sorted(ordinal for ordinal in chosen if ordinal in context.covers):
        if _is_redundant(context, summary, chosen):
            del chosen[summary]
    return _in_order(context, chosen)


def whole(known: Entries, wanted: Iterable[int]) -> list[int]:
    """These messages with the calls and results that belong to them, ascending."""
    heads = {_head(ordinal, entries.at(known, ordinal)): None for ordinal in wanted}
    return [ordinal for ordinal, entry in enumerate(entries.every(known)) if _head(ordinal, entry) in heads]


def _head(ordinal: int, entry: Entry) -> int:
    return ordinal if entry.answers is None else entry.answers


def _in_order(context: Context, chosen: Iterable[int]) -> Spans:
    return spans_of(sorted(chosen, key=lambda ordinal: place(context, ordinal)))


def _users_before(context: Context, chosen: dict[int, None]) -> int | None:
    """The user's message that has to come first, if the user's does not already."""
    for ordinal in ordinals(_in_order(context, chosen)):
        entry = entries.at(context.entries, ordinal)
        if entry.role == "user":
            return None
        if entry.role != "system":
            return next(_users(context.entries, ordinal), None)
    return None


def _users(known: Entries, before: int) -> Iterator[int]:
    """The user's messages before one, the last first."""
    for ordinal in range(before - 1, -1, -1):
        entry = entries.at(known, ordinal)
        if entry.role == "user" and not entry.summary and not entry.lost:
            yield ordinal


def _is_redundant(context: Context, summary: int, chosen: dict[int, None]) -> bool:
    if entries.at(context.entries, summary).pinned:
        return False
    others = [other for other in chosen if other in context.covers and other != summary]
    stood_for = {ordinal: None for other in others for ordinal in ordinals(covered(context, other))}
    return all(ordinal in chosen or ordinal in stood_for for ordinal in ordinals(covered(context, summary)))
