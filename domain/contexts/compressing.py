"""When older messages are replaced by a summary, and whether a summary is put in their place."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from . import agents, entries, spans
from . import events as e
from .compaction import LEAST_TOKENS, Replacement, choose
from .growing import widen_if_due
from .machine import ContextState
from .measuring import total
from .memory import kv_bytes
from .refusing import failed, no_such_context, optimisation, unavailable
from .state import Context
from .structure import problems
from .summaries import covered_by, place
from .values import Method, Spans

_WHAT = "compress"
#: By how much of its limit a context has to grow before what came to nothing is begun again.
_AGAIN_PER_MILLE = 50


def compress_if_due(draft: Draft, name: str) -> None:
    """Begin a summary of the oldest messages when no more room is to be had, if it spares enough.

    It has to spare half of what lies between where compressing begins and what it aims at: else it would
    begin again a few messages later. What cannot be spared is pruned before the window is sent. Of a window
    that is over its limit already, the last messages are replaced as well if it takes them.
    """
    widen_if_due(draft, name)
    context = draft.state.contexts.named[name]
    settings = draft.state.host.settings.context
    tests = Comparisons()
    if settings.automatic == "off" or context.state is not ContextState.ACTIVE:
        return
    limit = context.limit_tokens
    if not tests.hold("window_tokens", context.tokens, ">=", limit * settings.compress_at_per_mille // 1000):
        return
    if context.stuck_tokens:
        again = context.stuck_tokens + limit * _AGAIN_PER_MILLE // 1000
        if not tests.hold("window_tokens", context.tokens, ">=", again):
            return
    target = limit * settings.compress_to_per_mille // 1000
    is_over = tests.hold("window_tokens", context.tokens, ">", limit)
    found = choose(context, 1 if is_over else settings.keep_last, settings.summary_tokens, target)
    least = limit * max(0, settings.compress_at_per_mille - settings.compress_to_per_mille) // 2000
    spared = context.tokens - found.after_tokens
    if _is_worthwhile(found, tests) and tests.hold("spared_tokens", spared, ">=", least):
        _begin(draft, context, found, settings.automatic, Reason(rule="compress.due", tests=tests.tests))


def on_compression_asked(draft: Draft, fact: e.CompressionAsked) -> None:
    """Begin one, or say why not."""
    tests = Comparisons()
    context = draft.state.contexts.named.get(fact.context)
    if context is None:
        no_such_context(draft, fact.context, _WHAT)
        return
    if not tests.hold("state", context.state.value, "==", ContextState.ACTIVE.value):
        values = unavailable(context, "it can be compressed when it is active")
        optimisation(draft, fact.context, _WHAT, "CONTEXT_UNAVAILABLE", values, tests)
        return
    settings = draft.state.host.settings.context
    keep_last = settings.keep_last if fact.keep_last is None else fact.keep_last
    found = choose(context, keep_last, settings.summary_tokens, fact.target_tokens)
    cause = _hindrance(context, found, keep_last, fact.target_tokens, tests)
    if cause:
        values = failed(context.name, _WHAT, cause)
        optimisation(draft, fact.context, _WHAT, "MEMORY_OPTIMIZATION_FAILED", values, tests)
        return
    _begin(draft, context, found, fact.method, Reason(rule="compress.asked", tests=tests.tests))


def on_summary_made(draft: Draft, fact: e.SummaryMade) -> None:
    """Put it in the place of what it stands for, or say why not."""
    context = draft.state.contexts.named.get(fact.context)
    tests = Comparisons()
    if context is None or context.state is not ContextState.COMPRESSING:
        return
    summary = entries.count(context.entries) - 1
    if not _still_stands(context, fact, tests):
        reason = Reason(rule="compress.moved_on", tests=tests.tests)
        draft.conclude(e.CompressionDiscarded(context=fact.context, reason=reason))
        return
    kept = _replaced(context, fact.replacing, summary)
    after_tokens, after_bytes = total(context, spans.ordinals(kept))
    if not _is_better(context, fact, kept, after_tokens, tests):
        reason = Reason(rule="compress.no_better", tests=tests.tests)
        draft.conclude(e.CompressionDiscarded(context=fact.context, reason=reason))
        return
    draft.conclude(
        e.ContextCompressed(
            context=fact.context,
            model=context.model,
            method=fact.method,
            summary=summary,
            kept=kept,
            dropped=fact.replacing,
            before_tokens=context.tokens,
            after_tokens=after_tokens,
            before_bytes=context.size,
            after_bytes=after_bytes,
            ratio_per_mille=context.tokens * 1000 // after_tokens,
            removed_messages=spans.length(fact.replacing),
            saved_kv_bytes=kv_bytes(draft.state, context.model, context.tokens - after_tokens),
            reason=Reason(rule="compress.done", tests=tests.tests, evidence={"compression": context.intent}),
        )
    )
    agents.review(draft, context.agent)


def _is_worthwhile(found: Replacement, tests: Comparisons) -> bool:
    """A summary is of messages, not of a summary alone, and has room to say something."""
    return tests.hold("older_messages", found.messages, ">", 0) and tests.hold(
        "summary_tokens", found.summary_tokens, ">=", LEAST_TOKENS
    )


def _hindrance(
    context: Context, found: Replacement, keep_last: int, target: int | None, tests: Comparisons
) -> str:
    """Why it cannot be done as asked; empty if it can."""
    if target is not None and not tests.hold("window_tokens", context.tokens, ">", target):
        return f"it has {context.tokens} tokens, and {target} are allowed"
    if not tests.hold("older_messages", found.messages, ">", 0):
        return f"there is nothing older than what stays (the last {keep_last} messages, and what is fixed)"
    if not tests.hold("summary_tokens", found.summary_tokens, ">=", LEAST_TOKENS):
        return f"what is older has {found.tokens} tokens: no summary of it would be shorter"
    if target is not None and not tests.hold("after_tokens", found.after_tokens, "<=", target):
        return f"what must stay has {found.kept_tokens} tokens, and {target} are allowed with the summary"
    return ""


def _begin(draft: Draft, context: Context, found: Replacement, method: Method, reason: Reason) -> None:
    draft.conclude(
        e.ContextCompressionStarted(
            context=context.name,
            revision=context.revision,
            replacing=found.replacing,
            max_tokens=found.summary_tokens,
            method=method,
            reason=reason,
        )
    )


def _still_stands(context: Context, fact: e.SummaryMade, tests: Comparisons) -> bool:
    """Whether what it is a summary of stands where it stood, and may be left out."""
    pinned = sum(entries.at(context.entries, ordinal).pinned for ordinal in spans.ordinals(context.replacing))
    return (
        tests.hold("revision", context.revision, "==", fact.revision)
        and tests.hold("replacing", _shown(context.replacing), "==", _shown(fact.replacing))
        and tests.hold("pinned", pinned, "==", 0)
    )


def _is_better(
    context: Context, fact: e.SummaryMade, kept: Spans, after_tokens: int, tests: Comparisons
) -> bool:
    return (
        tests.hold("summary_tokens", fact.tokens, ">", 0)
        and tests.hold("facts", fact.facts, ">", 0)
        and tests.hold("summary_tokens", fact.tokens, "<=", context.summary_tokens)
        and tests.hold("after_tokens", after_tokens, "<", context.tokens)
        and tests.hold("problems", len(problems(context.entries, kept)), "==", 0)
    )


def _replaced(context: Context, replacing: Spans, summary: int) -> Spans:
    """The window with the summary where the first message stands that it covers."""
    gone = frozenset(spans.ordinals(replacing))
    first = next(spans.ordinals(covered_by(context, replacing)))
    stays = [ordinal for ordinal in spans.ordinals(context.window) if ordinal not in gone]
    before = sum(1 for ordinal in stays if place(context, ordinal) < (first, 0))
    return spans.spans_of([*stays[:before], summary, *stays[before:]])


def _shown(replacing: Spans) -> str:
    return ",".join(f"{first}-{last}" for first, last in replacing)
