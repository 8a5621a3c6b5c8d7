"""Facts and decisions about contexts. None of them has a text of a message in it: texts are kept beside."""

from typing import ClassVar

from ..events import Decision, Fact
from ..reasons import Reason
from .subject import OfContext
from .values import Genre, Method, Role, Sizing, Spans


class ContextOpened(OfContext, Fact):
    """Somebody begins a conversation, or goes on with one under other terms."""

    name: ClassVar[str] = "ContextOpened"

    context: str
    model: str
    agent: str
    genre: Genre
    #: Of the model, and of those the ones kept free for the answer.
    window_tokens: int
    reserve_tokens: int
    budget_tokens: int | None = None
    priority: int = 0
    #: Where the window comes from, such as `description`.
    provenance: str = ""
    sizing: Sizing = "fixed"


class ContextRefused(OfContext, Decision):
    """It was not opened; `values` are what the error's message names."""

    name: ClassVar[str] = "ContextRefused"

    context: str
    #: It was open already, and goes on under the terms it had.
    known: bool = False
    code: str
    values: dict[str, str]
    reason: Reason


class MessageAdded(OfContext, Fact):
    """A message came to a context. Its text lies at the address."""

    name: ClassVar[str] = "MessageAdded"

    context: str
    role: Role
    #: Where its text is kept, 64 hexadecimal digits.
    address: str
    #: Bytes of it as it is kept.
    size: int
    tokens: int
    #: How they were counted, such as `provider`, `gguf`, `estimate`; and by how much that errs, in per-mille.
    counted_by: str
    error_per_mille: int = 0
    importance: int | None = None
    pinned: bool = False
    #: Tool calls that it makes; ordinal of the message whose call it answers.
    calls: int = 0
    answers: int | None = None


class MessageRefused(OfContext, Decision):
    """The message was not taken in; `values` are what the error's message names."""

    name: ClassVar[str] = "MessageRefused"

    context: str
    code: str
    values: dict[str, str]
    reason: Reason


class MessagePinned(OfContext, Fact):
    """A message is never left out from here on, or may be again; or matters more or less than was said."""

    name: ClassVar[str] = "MessagePinned"

    context: str
    ordinal: int
    pinned: bool
    importance: int | None = None


class CompressionAsked(OfContext, Fact):
    """Somebody wants the older messages to be replaced by a summary."""

    name: ClassVar[str] = "CompressionAsked"

    context: str
    method: Method
    #: What the window should come to at most; None leaves it to the settings.
    target_tokens: int | None = None
    #: Messages at the end that are kept whole; None leaves it to the settings.
    keep_last: int | None = None


class ContextCompressionStarted(OfContext, Decision):
    """A summary is to be made of these messages, and put in their place."""

    name: ClassVar[str] = "ContextCompressionStarted"

    context: str
    revision: int
    #: What is to be replaced.
    replacing: Spans
    #: Tokens that the summary may have.
    max_tokens: int
    method: Method
    reason: Reason


class SummaryAttempted(OfContext, Fact):
    """The model was asked for a summary, and what came is not used."""

    name: ClassVar[str] = "SummaryAttempted"

    context: str
    attempt: int
    model: str
    #: What is wrong with it, as a code: `empty`, `too_long`, `refused`, `uncited`, `no_answer`, …
    problem: str
    #: Of what came, facts that were kept and struck.
    facts: int = 0
    struck: int = 0


class SummaryMade(OfContext, Fact):
    """A summary is there."""

    name: ClassVar[str] = "SummaryMade"

    context: str
    revision: int
    replacing: Spans
    address: str
    size: int
    tokens: int
    counted_by: str
    #: How it was made in the end.
    method: Method
    #: Facts in it, and those that the model stated and that could not be verified.
    facts: int
    struck: int = 0
    #: Ordinals that it cites.
    cited: Spans = ()


class ContextCompressed(OfContext, Decision):
    """A summary took the place of messages. Tokens and bytes are those of the window."""

    name: ClassVar[str] = "ContextCompressed"

    context: str
    model: str
    method: Method
    #: Ordinal of the summary.
    summary: int
    kept: Spans
    dropped: Spans
    before_tokens: int
    after_tokens: int
    before_bytes: int
    after_bytes: int
    #: Before by after, in tokens.
    ratio_per_mille: int
    removed_messages: int
    #: Keys and values that the model need not hold for them, by its description; an estimate.
    saved_kv_bytes: int
    reason: Reason


class CompressionDiscarded(OfContext, Decision):
    """The summary is not used: the context has moved on, or it would not have become shorter."""

    name: ClassVar[str] = "CompressionDiscarded"

    context: str
    reason: Reason


class CompressionFailed(OfContext, Fact):
    """No summary could be made."""

    name: ClassVar[str] = "CompressionFailed"

    context: str
    code: str
    cause_text: str


class PruneAsked(OfContext, Fact):
    """Somebody wants the window to be smaller by leaving messages out."""

    name: ClassVar[str] = "PruneAsked"

    context: str
    #: The scores are of this revision.
    revision: int
    target_tokens: int | None = None
    target_bytes: int | None = None
    #: How much each message of the window matters, in millionths, in the window's order.
    scores: tuple[int, ...]
    #: How they were scored, such as `importance dialogue 1`, `query general 1`; with
    #: embeddings `query+ollama:vectors general 1`.
    scorer: str
    #: Messages at the end that go last; None leaves it to the settings.
    keep_last: int | None = None


class ContextPruned(OfContext, Decision):
    """Messages were left out of the window; they can be put back."""

    name: ClassVar[str] = "ContextPruned"

    context: str
    model: str
    kept: Spans
    dropped: Spans
    #: Of those dropped, in their order.
    dropped_scores: tuple[int, ...]
    before_messages: int
    after_messages: int
    removed_messages: int
    before_tokens: int
    after_tokens: int
    before_bytes: int
    after_bytes: int
    saved_kv_bytes: int
    reason: Reason


class OptimizationRefused(OfContext, Decision):
    """What was asked for cannot be done without giving up what must stay."""

    name: ClassVar[str] = "OptimizationRefused"

    context: str
    #: `compress`, `prune`, `cache` or `restore`.
    what: str
    code: str
    values: dict[str, str]
    reason: Reason


class MessagesWanted(OfContext, Fact):
    """Somebody wants messages back that were left out."""

    name: ClassVar[str] = "MessagesWanted"

    context: str
    wanted: Spans


class MessagesRestored(OfContext, Decision):
    """They are in the window again, and what stood for them is not."""

    name: ClassVar[str] = "MessagesRestored"

    context: str
    restored: Spans
    #: The window as it is now.
    window: Spans
    before_tokens: int
    after_tokens: int
    before_bytes: int
    after_bytes: int
    reason: Reason


class ContextUsed(OfContext, Fact):
    """It was sent to its model: this many messages and tokens of it."""

    name: ClassVar[str] = "ContextUsed"

    context: str
    messages: int
    tokens: int
    #: The request that it was sent with, when there is one.
    request: int | None = None


EVENTS = (
    ContextOpened,
    ContextRefused,
    MessageAdded,
    MessageRefused,
    MessagePinned,
    CompressionAsked,
    ContextCompressionStarted,
    SummaryAttempted,
    SummaryMade,
    ContextCompressed,
    CompressionDiscarded,
    CompressionFailed,
    PruneAsked,
    ContextPruned,
    OptimizationRefused,
    MessagesWanted,
    MessagesRestored,
    ContextUsed,
)
