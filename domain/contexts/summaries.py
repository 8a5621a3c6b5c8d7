"""What summaries stand for: always the conversation's own messages, never other summaries."""

from . import entries
from .spans import ordinals, spans_of
from .state import Context
from .values import Spans


def covered(context: Context, summary: int) -> Spans:
    """The messages that a summary stands for, ascending; none for one that never came into the window."""
    return context.covers.get(summary, ())


def covered_by(context: Context, replaced: Spans) -> Spans:
    """The messages that a summary of these would stand for: a summary among them passes on what it covers."""
    own: dict[int, None] = {}
    for ordinal in ordinals(replaced):
        if entries.at(context.entries, ordinal).summary:
            own.update(dict.fromkeys(ordinals(covered(context, ordinal))))
        else:
            own[ordinal] = None
    return spans_of(sorted(own))


def place(context: Context, ordinal: int) -> tuple[int, int]:
    """Where a message belongs in a window: a summary stands before the first message that it stands for."""
    if ordinal in context.covers:
        return context.covers[ordinal][0].first, 0
    return ordinal, 1
