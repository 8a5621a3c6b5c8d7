"""What follows from facts about contexts."""

from collections.abc import Callable

from ..draft import Draft
from ..events import Body
from . import events as e
from . import growth as g
from . import keeping as k
from . import relief as r
from .adding import on_added
from .caching import on_cache_asked, on_ended, on_restore_asked, on_restored
from .compressing import on_compression_asked, on_summary_made
from .growing import on_window_wanted
from .opening import on_opened
from .pruning import on_prune_asked
from .restoring import on_messages_wanted, on_pinned


def _noted(_draft: Draft, _fact: Body) -> None:
    """Nothing follows."""


RULES: dict[type[Body], Callable[..., None]] = {
    e.ContextOpened: on_opened,
    e.MessageAdded: on_added,
    e.MessagePinned: on_pinned,
    e.CompressionAsked: on_compression_asked,
    e.SummaryAttempted: _noted,
    e.SummaryMade: on_summary_made,
    e.CompressionFailed: _noted,
    e.PruneAsked: on_prune_asked,
    e.MessagesWanted: on_messages_wanted,
    e.ContextUsed: _noted,
    k.CacheAsked: on_cache_asked,
    k.ModelCached: _noted,
    k.ContextCacheFailed: _noted,
    k.RestoreAsked: on_restore_asked,
    k.ContextRestored: on_restored,
    k.ContextRestoreFailed: _noted,
    k.ContextClosed: on_ended,
    k.ContextForgotten: on_ended,
    g.WindowWanted: on_window_wanted,
    r.WorkingMemoryReduced: _noted,
    r.MemoryOptimized: _noted,
}
