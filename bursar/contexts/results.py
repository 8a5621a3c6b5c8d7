"""What came of what was done to contexts. Sizes in bytes of text, unless they say otherwise.

What a model's keys and values take is an estimate and stands apart: it is never added to bytes of text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.contexts.machine import ContextState
from ..domain.contexts.values import Genre


@dataclass(frozen=True, slots=True)
class ContextRow:
    """A context as it stands."""

    id: str
    model: str
    agent: str
    genre: Genre
    state: ContextState
    priority: int
    #: That are sent, and that were ever added and can be put back, summaries included.
    messages: int
    kept_messages: int
    #: Of what is sent, and what that may have.
    tokens: int
    limit_tokens: int
    size_bytes: int
    #: What all its texts take packed; 0 when they are not.
    packed_bytes: int
    #: UTC nanoseconds.
    opened_at: int
    used_at: int


@dataclass(frozen=True, slots=True)
class Reduced:
    """Windows that were made smaller, by a summary or by leaving messages out."""

    #: Ids of those that were; what was left out of them can be put back.
    contexts: tuple[str, ...]
    before_tokens: int
    after_tokens: int
    before_bytes: int
    after_bytes: int
    removed_messages: int
    #: By the model's description.
    saved_kv_bytes: int

    @property
    def saved_text_bytes(self) -> int:
        """What is not sent any more."""
        return self.before_bytes - self.after_bytes

    @property
    def ratio(self) -> float:
        """Tokens before for one after."""
        return self.before_tokens / self.after_tokens if self.after_tokens else 1.0

    @classmethod
    def together(cls, parts: Sequence["Reduced"]) -> "Reduced":
        """Several as one."""
        return cls(
            tuple(name for part in parts for name in part.contexts),
            sum(part.before_tokens for part in parts),
            sum(part.after_tokens for part in parts),
            sum(part.before_bytes for part in parts),
            sum(part.after_bytes for part in parts),
            sum(part.removed_messages for part in parts),
            sum(part.saved_kv_bytes for part in parts),
        )


@dataclass(frozen=True, slots=True)
class MovedToCache:
    """Contexts whose texts are packed, and on the disk only."""

    contexts: tuple[str, ...]
    #: Where, one for each.
    cache_paths: tuple[str, ...]
    messages: int
    before_bytes: int
    after_bytes: int

    @classmethod
    def together(cls, parts: Sequence["MovedToCache"]) -> "MovedToCache":
        """Several as one."""
        return cls(
            tuple(name for part in parts for name in part.contexts),
            tuple(path for part in parts for path in part.cache_paths),
            sum(part.messages for part in parts),
            sum(part.before_bytes for part in parts),
            sum(part.after_bytes for part in parts),
        )

    @property
    def saved_text_bytes(self) -> int:
        """What they take less than before, on the disk."""
        return self.before_bytes - self.after_bytes

    @property
    def ratio(self) -> float:
        """Bytes before for one after."""
        return self.before_bytes / self.after_bytes if self.after_bytes else 1.0


@dataclass(frozen=True, slots=True)
class RestoredContext:
    """A context that can be gone on with."""

    context: str
    messages: int
    bytes: int
    restore_ms: int
    #: Ordinals of messages whose texts were damaged: they are not sent any more.
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RestoredMessages:
    """Messages that are sent again."""

    context: str
    #: Their ordinals.
    restored: tuple[int, ...]
    before_tokens: int
    after_tokens: int
    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, slots=True)
class ReducedMemory:
    """What was held ready for a model's contexts and is let go: bytes in this process's memory."""

    model: str
    before_bytes: int
    after_bytes: int
    #: Of those let go, what was what.
    freed: dict[str, int]

    @property
    def saved_text_bytes(self) -> int:
        """What is not held any more."""
        return self.before_bytes - self.after_bytes


@dataclass(frozen=True, slots=True)
class OptimizedMemory:
    """The steps that were taken to need less memory."""

    #: None for all models.
    model: str | None
    #: `standard` compresses; `aggressive` lets go of what is held, and packs idle contexts as well.
    strategy: str
    contexts: int
    saved_text_bytes: int
    saved_kv_bytes: int


@dataclass(frozen=True, slots=True)
class ForgottenContext:
    """A context whose texts are gone for ever. Its history stays, without its texts."""

    context: str
    bodies: int
    #: As they were stored.
    stored_bytes: int
    #: Of the record of it; None where no text was ever kept.
    position: int | None
    #: It had been forgotten before.
    again: bool
