"""What is known of a context."""

from dataclasses import dataclass, field

from .entries import Entries
from .machine import ContextState
from .values import Genre, Sizing, Spans


@dataclass(frozen=True)
class Context:
    """A conversation. Times in UTC nanoseconds, sizes in tokens and in bytes of text."""

    name: str
    #: Of the event that opened it first.
    position: int
    model: str
    #: Who holds the conversation, for the books; may be empty.
    agent: str
    genre: Genre
    #: Tokens that the model's window has, and of them those that are kept free for the answer.
    window_tokens: int
    reserve_tokens: int
    #: Tokens that the messages may have at most, where the user wants fewer than the window allows.
    budget_tokens: int | None
    #: Higher is compressed, cached and reclaimed later.
    priority: int
    opened_at: int
    #: When it was last added to, sent or restored.
    used_at: int
    state: ContextState = ContextState.ACTIVE
    #: All messages that were ever added, those that were left out since included, and summaries.
    entries: Entries = ()
    #: What is sent, in order.
    window: Spans = ()
    #: Of what is sent.
    tokens: int = 0
    size: int = 0
    #: Of these, tokens of what never leaves it.
    fixed_tokens: int = 0
    #: Counts what was taken out of the window or put back: a summary is of one revision only.
    revision: int = 0
    #: Position of the compression, caching or restoring that is under way; 0 without one.
    intent: int = 0
    #: What a compression under way is to replace, and the tokens that its summary may have.
    replacing: Spans = ()
    summary_tokens: int = 0
    #: Of each summary that was ever put in the window, the conversation's own messages that it stands for.
    covers: dict[int, Spans] = field(default_factory=dict[int, Spans])
    #: Tokens it had when a compression last came to nothing; 0 after one that did not.
    stuck_tokens: int = 0
    #: The highest importance that any of its messages was given, in per-mille.
    importance: int = 0
    #: Bytes that its texts take packed, and since when; 0 when they are not.
    packed: int = 0
    packed_at: int = 0
    #: When packing them failed last.
    pack_failed_at: int = 0
    sizing: Sizing = "fixed"

    @property
    def open(self) -> bool:
        """Whether it counts for its agent and for the limits on all contexts."""
        return self.state is not ContextState.CLOSED

    @property
    def limit_tokens(self) -> int:
        """Tokens that what is sent may have."""
        room = self.window_tokens - self.reserve_tokens
        return room if self.budget_tokens is None else min(room, self.budget_tokens)


@dataclass(frozen=True)
class Agent:
    """What an agent's contexts take together."""

    name: str
    #: Contexts of its that are open, and bytes of text in their windows.
    contexts: int = 0
    used_bytes: int = 0
    throttled: bool = False
    #: Position of the decision that throttled it; 0 when it is not.
    since: int = 0


@dataclass(frozen=True)
class Contexts:
    """All contexts that were not forgotten, and the agents that hold them."""

    #: Of those that are active, the longest unused first.
    named: dict[str, Context] = field(default_factory=dict[str, Context])
    #: Those with open contexts; `books` keeps them, and the sums below.
    agents: dict[str, Agent] = field(default_factory=dict[str, Agent])
    #: How many are open, and bytes of text in their windows.
    open: int = 0
    used_bytes: int = 0
    #: Bytes that packed texts take, those of closed contexts included.
    packed_bytes: int = 0
