"""What is known of a conversation's messages without their texts, which the journal never holds."""

from typing import Literal, NamedTuple

Role = Literal["system", "user", "assistant", "tool"]
#: What a conversation is like decides what of it matters.
Genre = Literal["dialogue", "agent", "document"]
#: How a summary is made: from sentences that are there already, or by the model.
Method = Literal["extractive", "model"]
#: Whose the window is: its model's as it is, or one that the conversation needs.
Sizing = Literal["fixed", "auto"]


class Entry(NamedTuple):
    """A message. Its ordinal is its place among all that were ever added to its context, from 0."""

    #: Of the event that brought it, and names the address of its text.
    position: int
    role: Role
    #: Tokens it takes in the window, with what the template adds.
    tokens: int
    #: Bytes of its text as it is kept.
    size: int
    #: As its author said, in per-mille; None when nothing was said.
    importance: int | None = None
    #: It is never left out.
    pinned: bool = False
    #: How many tool calls it makes.
    calls: int = 0
    #: Ordinal of the message whose call it is a result of; None for what is no result.
    answers: int | None = None
    #: It stands for others, and is none of the conversation's own.
    summary: bool = False
    #: How many results of its calls have come.
    answered: int = 0
    #: Its text was damaged, and is gone.
    lost: bool = False

    @property
    def fixed(self) -> bool:
        """Whether it never leaves the window."""
        return self.role == "system" or self.pinned

    @property
    def users(self) -> bool:
        """Whether the user said it."""
        return self.role == "user" and not self.summary

    @property
    def awaits(self) -> bool:
        """Whether results of its calls have not come."""
        return self.calls > self.answered


class Span(NamedTuple):
    """Ordinals from the first to the last, both included."""

    first: int
    last: int


#: Ordinals in the order in which they are sent, as runs; ascending but for a summary, which stands where
#: what it replaces stood.
Spans = tuple[Span, ...]
