"""Facts and decisions about where the texts of a context are kept, and about its end."""

from typing import ClassVar

from ..events import Decision, Fact
from ..reasons import Reason
from .subject import OfContext
from .values import Spans


class CacheAsked(OfContext, Fact):
    """Somebody wants the texts packed and out of memory."""

    name: ClassVar[str] = "CacheAsked"

    context: str


class ContextCacheStarted(OfContext, Decision):
    """Its texts are to be packed."""

    name: ClassVar[str] = "ContextCacheStarted"

    context: str
    reason: Reason


class ModelCached(OfContext, Fact):
    """A context of a model is packed: its texts are on the disk only. Sizes in bytes of text."""

    name: ClassVar[str] = "ModelCached"

    context: str
    model: str
    #: Where, as a path beside the journal.
    cache_path: str
    before_bytes: int
    after_bytes: int
    saved_bytes: int
    ratio_per_mille: int
    messages: int
    blocks: int
    #: SHA-256 over what was packed, read back.
    digest: str


class ContextCacheFailed(OfContext, Fact):
    """Its texts could not be packed; they are where they were."""

    name: ClassVar[str] = "ContextCacheFailed"

    context: str
    code: str
    cause_text: str


class RestoreAsked(OfContext, Fact):
    """Somebody wants to go on with a context that is packed."""

    name: ClassVar[str] = "RestoreAsked"

    context: str


class ContextRestoreStarted(OfContext, Decision):
    """Its texts are to be unpacked."""

    name: ClassVar[str] = "ContextRestoreStarted"

    context: str
    reason: Reason


class ContextRestored(OfContext, Fact):
    """Its texts are as they were before they were packed, by their digest."""

    name: ClassVar[str] = "ContextRestored"

    context: str
    messages: int
    bytes: int
    restore_ms: int
    #: Messages whose texts were damaged, and are lost.
    lost: Spans = ()


class ContextRestoreFailed(OfContext, Fact):
    """Its texts could not be unpacked."""

    name: ClassVar[str] = "ContextRestoreFailed"

    context: str
    code: str
    cause_text: str


class ContextClosed(OfContext, Fact):
    """Nothing is added to it any more."""

    name: ClassVar[str] = "ContextClosed"

    context: str


class ContextRetired(OfContext, Decision):
    """It was closed: nobody has used it for as long as a context is kept open."""

    name: ClassVar[str] = "ContextRetired"

    context: str
    #: What became of its texts: whether they are packed.
    packed_bytes: int
    reason: Reason


class ContextSettled(OfContext, Decision):
    """What was being done to it ended with the manager that did it; its texts are where they were."""

    name: ClassVar[str] = "ContextSettled"

    context: str
    #: What it was: `compressing`, `caching` or `restoring`.
    was: str
    reason: Reason


class ContextForgotten(OfContext, Fact):
    """Its texts were destroyed with their keys; `SubjectForgotten` is the record of that."""

    name: ClassVar[str] = "ContextForgotten"
    durable: ClassVar[bool] = True

    context: str


EVENTS = (
    CacheAsked,
    ContextCacheStarted,
    ModelCached,
    ContextCacheFailed,
    RestoreAsked,
    ContextRestoreStarted,
    ContextRestored,
    ContextRestoreFailed,
    ContextClosed,
    ContextRetired,
    ContextSettled,
    ContextForgotten,
)
