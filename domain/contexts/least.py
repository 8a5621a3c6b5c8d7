"""What a window comes to at the least: whether it could ever be sent.

It agrees with `structure.required`, and costs nobody who adds a message a look at the whole conversation.
"""

from itertools import islice

from . import entries, spans
from .state import Context

#: Messages that are looked at, from the end; what stands before them counts only if it is fixed.
_LOOK = 2_000


def least_tokens(context: Context, enough: int) -> int:
    """Tokens of what must stay, or rather fewer: never more, or a message would be refused that has room.

    Counted from the end, and no further than to more than is `enough`.
    """
    agents = context.genre == "agent"
    least, users = context.fixed_tokens, 0
    #: Tokens of results, by their calls.
    results: dict[int, int] = {}
    newest: int | None = None
    for ordinal in islice(spans.backwards(context.window), _LOOK):
        entry = entries.at(context.entries, ordinal)
        tokens = 0 if entry.fixed else entry.tokens
        head = ordinal if entry.answers is None else entry.answers
        newest = head if newest is None else newest
        if (head == newest or (entry.users and not users)) if agents else not users:
            least += tokens
        elif entry.answers is not None:
            results[head] = results.get(head, 0) + tokens
        elif entry.awaits:
            least += tokens + results.get(ordinal, 0)
        users += entry.users
        if users == 2 or least > enough:
            break
    return least if agents or users or _has_users(context) else context.fixed_tokens


def _has_users(context: Context) -> bool:
    first = islice(spans.ordinals(context.window), _LOOK)
    return any(entries.at(context.entries, ordinal).users for ordinal in first)
