"""When the texts of a context are packed and unpacked, at somebody's wish."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from . import agents, entries
from . import keeping as k
from .compressing import compress_if_due
from .machine import ContextState
from .refusing import beyond, failed, no_such_context, optimisation, unavailable


def on_cache_asked(draft: Draft, fact: k.CacheAsked) -> None:
    """Begin to pack them, or say why not."""
    context = draft.state.contexts.named.get(fact.context)
    if context is None:
        no_such_context(draft, fact.context, "cache")
        return
    tests = Comparisons()
    settings = draft.state.host.settings.compression
    packed = draft.state.contexts.packed_bytes
    if not tests.hold("state", context.state.value, "==", ContextState.ACTIVE.value):
        code, values = "CONTEXT_UNAVAILABLE", unavailable(context, "it can be packed when it is active")
    elif not tests.hold("messages", entries.count(context.entries), ">", 0):
        code, values = "MEMORY_OPTIMIZATION_FAILED", failed(context.name, "cache", "it has no messages")
    elif not tests.hold("packed_bytes", packed, "<", settings.max_bytes):
        what, remedy = "the bytes of packed texts", "forget some of the contexts that are packed"
        code = "CONTEXT_LIMIT_EXCEEDED"
        values = beyond(what, packed, settings.max_bytes, "compression.max_size", remedy)
    else:
        reason = Reason(rule="cache.asked", tests=tests.tests)
        draft.conclude(k.ContextCacheStarted(context=context.name, reason=reason))
        return
    optimisation(draft, fact.context, "cache", code, values, tests)


def on_restore_asked(draft: Draft, fact: k.RestoreAsked) -> None:
    """Begin to unpack them, or say why not."""
    context = draft.state.contexts.named.get(fact.context)
    if context is None:
        no_such_context(draft, fact.context, "restore")
        return
    tests = Comparisons()
    if not tests.hold("state", context.state.value, "==", ContextState.CACHED.value):
        values = unavailable(context, "only what is packed can be unpacked")
        optimisation(draft, fact.context, "restore", "CONTEXT_UNAVAILABLE", values, tests)
        return
    reason = Reason(rule="restore.asked", tests=tests.tests)
    draft.conclude(k.ContextRestoreStarted(context=context.name, reason=reason))


def on_restored(draft: Draft, fact: k.ContextRestored) -> None:
    """Its terms may have changed while it was packed, and some of it may be lost."""
    context = draft.state.contexts.named.get(fact.context)
    if context is not None:
        compress_if_due(draft, fact.context)
        agents.review(draft, context.agent)


def on_ended(draft: Draft, _fact: k.ContextClosed | k.ContextForgotten) -> None:
    """What it took is its agent's again."""
    agents.review_all(draft)


def settle(draft: Draft) -> None:
    """Whatever was being done to contexts ended with the manager that did it."""
    for context in tuple(draft.state.contexts.named.values()):
        if context.intent:
            reason = Reason(rule="manager.started", evidence={"begun": context.intent})
            draft.conclude(k.ContextSettled(context=context.name, was=context.state.value, reason=reason))
