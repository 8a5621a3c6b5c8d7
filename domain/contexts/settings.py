"""How conversations are kept within their windows, in integers: tokens, bytes, milliseconds, per-mille."""

from typing import Annotated, Literal

from pydantic import Field

from ..events import Value
from .values import Method, Sizing

Count = Annotated[int, Field(ge=0, le=2**53)]
Positive = Annotated[int, Field(ge=1, le=2**53)]
PerMille = Annotated[int, Field(ge=1, le=1000)]

#: What an agent may work on; `domain/selection/specialisation.py` says what that is about.
Specialisation = Literal["general", "coding", "research", "support", "data", "writing", "planning"]
#: What of idle contexts is left alone.
Rule = Literal["active", "important", "recent"]


class ContextSettings(Value):
    """When a context is made smaller, and what stays."""

    #: Of what it may have, where compressing begins and what it aims at.
    compress_at_per_mille: PerMille = 850
    compress_to_per_mille: PerMille = 600
    #: How a summary is made when nobody says; `off` compresses only when asked.
    automatic: Method | Literal["off"] = "extractive"
    #: Messages at the end that are kept whole, as long as the window is not over its limit.
    keep_last: Positive = 10
    #: Tokens that a summary may have at most; of a small window it has half, and what is left over.
    summary_tokens: Positive = 2000
    #: Kept free for the answer when nobody says.
    reserve_tokens: Count = 1024
    #: Whether models get the windows that conversations need, where whoever opens one does not say.
    sizing: Sizing = "fixed"
    #: From which importance on a message counts as important.
    importance_per_mille: PerMille = 300
    max_contexts: Positive = 10_000
    max_messages: Positive = 200_000
    max_message_bytes: Positive = 4 << 20
    #: Bytes of text that an agent's contexts, and all contexts, may have in their windows.
    agent_bytes: Positive = 100 << 20
    global_bytes: Positive = 1 << 30
    #: Unused this long, a context is packed; None leaves it as it is.
    idle_ms: Positive | None = 900_000
    #: Unused this long, it is closed; None never.
    max_age_ms: Positive | None = None
    preserve: tuple[Rule, ...] = ("active", "important")


class AgentSettings(Value):
    """What an agent is, and what it may have."""

    #: What it works on, as the filter knows it.
    specialisation: Specialisation = "general"
    #: Added to that of each of its contexts.
    priority: Annotated[int, Field(ge=-(2**53), le=2**53)] = 0
    #: Instead of `ContextSettings.agent_bytes`; None leaves it to that.
    limit_bytes: Positive | None = None


class CompressionSettings(Value):
    """How texts are packed."""

    #: `adaptive` packs harder the less memory there is and the longer a context is; `fixed` by `level`.
    strategy: Literal["adaptive", "fixed"] = "adaptive"
    level: Annotated[int, Field(ge=1, le=19)] = 3
    #: Packing that saves less than this is not worth its time: bytes after, by bytes before.
    ratio_per_mille: PerMille = 700
    #: Bytes that all that is packed may take, and how long it is kept; None for ever.
    max_bytes: Positive = 1 << 30
    max_age_ms: Positive | None = None


class PatternSettings(Value):
    """Which of the patterns that are kept are given up."""

    #: What decides who goes first.
    priority: Literal["age", "usage", "size", "importance"] = "usage"
    max_bytes: Positive = 64 << 20
    #: Unused this long, and used less often than `min_usage`, a pattern goes.
    max_age_ms: Positive = 30 * 86_400_000
    min_usage: Count = 2
    preserve_important: bool = True
    importance_per_mille: PerMille = 800
