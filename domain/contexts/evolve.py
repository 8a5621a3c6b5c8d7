"""How events about contexts change the state.

A fact about a context that is not there any more, or the outcome of something that it is not doing any more,
changes nothing: what was under way when a context was closed or forgotten comes to its end all the same.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ..copying import replace
from ..events import Body, Event
from ..models.sizes import choose_window
from ..state import State
from . import entries, spans
from . import events as e
from . import growth as g
from . import keeping as k
from . import relief as r
from .books import with_agent, with_context, without_context
from .machine import TABLE, after
from .measuring import measured, mended
from .state import Agent, Context
from .summaries import covered_by
from .values import Entry


def terms_refused(known: Context | None, body: e.ContextOpened) -> bool:
    """Whether a context that is open keeps the terms it has."""
    return known is not None and (not known.open or body.reserve_tokens >= body.window_tokens)


def _opened(state: State, body: e.ContextOpened, event: Event) -> State:
    known = state.contexts.named.get(body.context)
    terms: dict[str, Any] = {
        "model": body.model,
        "agent": body.agent,
        "genre": body.genre,
        "window_tokens": body.window_tokens,
        "reserve_tokens": body.reserve_tokens,
        "budget_tokens": body.budget_tokens,
        "priority": body.priority,
        "sizing": body.sizing,
        "used_at": event.at,
    }
    if known is None:
        return with_context(
            state, Context(name=body.context, position=event.position, opened_at=event.at, **terms)
        )
    if terms_refused(known, body):
        return state
    return with_context(state, replace(known, **terms))


def _refused(state: State, body: e.ContextRefused, _event: Event) -> State:
    """One that was known keeps its terms, and one that was not was never there."""
    return state if body.known else without_context(state, body.context)


def _added(state: State, body: e.MessageAdded, event: Event) -> State:
    context = state.contexts.named.get(body.context)
    if context is None:
        return state
    entry = Entry(
        position=event.position,
        role=body.role,
        tokens=body.tokens,
        size=body.size,
        importance=body.importance,
        pinned=body.pinned,
        calls=body.calls,
        answers=body.answers,
    )
    ordinal = entries.count(context.entries)
    answered = _with_results(context.entries, body.answers, 1)
    return with_context(
        state,
        replace(
            context,
            entries=entries.appended(answered, entry),
            window=spans.appended(context.window, ordinal),
            tokens=context.tokens + entry.tokens,
            size=context.size + entry.size,
            fixed_tokens=context.fixed_tokens + _fixed(entry),
            importance=max(context.importance, body.importance or 0),
            used_at=event.at,
        ),
    )


def _message_refused(state: State, body: e.MessageRefused, _event: Event) -> State:
    """The fact before this took it in; it is the last one."""
    context = state.contexts.named.get(body.context)
    if context is None:
        return state
    entry = entries.at(context.entries, entries.count(context.entries) - 1)
    rest = entries.removed_last(context.entries)
    importance = context.importance
    if entry.importance is not None and entry.importance >= importance:
        importance = _highest(rest)
    return with_context(
        state,
        replace(
            context,
            entries=_with_results(rest, entry.answers, -1),
            window=spans.shortened(context.window),
            tokens=context.tokens - entry.tokens,
            size=context.size - entry.size,
            fixed_tokens=context.fixed_tokens - _fixed(entry),
            importance=importance,
        ),
    )


def _with_results(known: entries.Entries, call: int | None, results: int) -> entries.Entries:
    """The entries with so many more results of a call, if there is one."""
    if call is None or not 0 <= call < entries.count(known):
        return known
    caller = entries.at(known, call)
    return entries.changed(known, call, caller._replace(answered=caller.answered + results))


def _fixed(entry: Entry) -> int:
    return entry.tokens if entry.fixed else 0


def _highest(known: entries.Entries) -> int:
    return max((entry.importance or 0 for entry in entries.every(known)), default=0)


def _pinned(state: State, body: e.MessagePinned, _event: Event) -> State:
    context = state.contexts.named.get(body.context)
    if context is None or not 0 <= body.ordinal < entries.count(context.entries):
        return state
    known = entries.at(context.entries, body.ordinal)
    marked = known._replace(pinned=body.pinned, importance=body.importance)
    changed = entries.changed(context.entries, body.ordinal, marked)
    fixed_tokens = context.fixed_tokens
    if spans.holds(context.window, body.ordinal):
        fixed_tokens += _fixed(marked) - _fixed(known)
    highest = _highest(changed)
    return with_context(
        state, replace(context, entries=changed, fixed_tokens=fixed_tokens, importance=highest)
    )


def _compression_started(state: State, body: e.ContextCompressionStarted, event: Event) -> State:
    changes = {"intent": event.position, "replacing": body.replacing, "summary_tokens": body.max_tokens}
    return _moved(state, body.context, body, **changes)


def _summary_made(state: State, body: e.SummaryMade, event: Event) -> State:
    """It is an entry from here on, and in the window only if it is decided so."""
    context = state.contexts.named.get(body.context)
    if context is None:
        return state
    entry = Entry(event.position, "user", body.tokens, body.size, summary=True)
    return with_context(state, replace(context, entries=entries.appended(context.entries, entry)))


def _compressed(state: State, body: e.ContextCompressed, _event: Event) -> State:
    context = state.contexts.named[body.context]
    covers = {**context.covers, body.summary: covered_by(context, body.dropped)}
    changes: dict[str, Any] = {
        "state": after(body.context, context.state, body.name),
        "revision": context.revision + 1,
        "covers": covers,
        "stuck_tokens": 0,
        **_DONE,
    }
    return with_context(state, measured(context, body.kept, **changes))


def _given_up(state: State, body: e.CompressionDiscarded | e.CompressionFailed, _event: Event) -> State:
    context = state.contexts.named.get(body.context)
    tokens = context.tokens if context else 0
    return _outcome(state, body.context, body, stuck_tokens=tokens, **_DONE)


def _pruned(state: State, body: e.ContextPruned, _event: Event) -> State:
    context = state.contexts.named[body.context]
    return with_context(state, measured(context, body.kept, revision=context.revision + 1, stuck_tokens=0))


def _restored_messages(state: State, body: e.MessagesRestored, event: Event) -> State:
    context = state.contexts.named[body.context]
    changes: dict[str, Any] = {"revision": context.revision + 1, "used_at": event.at}
    return with_context(state, measured(context, body.window, **changes))


def _used(state: State, body: e.ContextUsed, event: Event) -> State:
    context = state.contexts.named.get(body.context)
    return state if context is None else with_context(state, replace(context, used_at=event.at))


def _began(state: State, body: k.ContextCacheStarted | k.ContextRestoreStarted, event: Event) -> State:
    return _moved(state, body.context, body, intent=event.position)


def _settled(state: State, body: k.ContextSettled, _event: Event) -> State:
    return _moved(state, body.context, body, **_DONE)


def _cached(state: State, body: k.ModelCached, event: Event) -> State:
    return _outcome(state, body.context, body, intent=0, packed=body.after_bytes, packed_at=event.at)


def _cache_failed(state: State, body: k.ContextCacheFailed, event: Event) -> State:
    return _outcome(state, body.context, body, intent=0, pack_failed_at=event.at)


def _restored(state: State, body: k.ContextRestored, event: Event) -> State:
    """What is lost is in no window any more, nor what makes no sense without it."""
    unpacked: dict[str, Any] = {"intent": 0, "packed": 0, "packed_at": 0, "used_at": event.at}
    moved = _outcome(state, body.context, body, **unpacked)
    if moved is state or not body.lost:
        return moved
    return with_context(moved, mended(moved.contexts.named[body.context], body.lost))


def _restore_failed(state: State, body: k.ContextRestoreFailed, _event: Event) -> State:
    return _outcome(state, body.context, body, intent=0)


def _closed(state: State, body: k.ContextClosed, _event: Event) -> State:
    return _outcome(state, body.context, body, **_DONE)


def _retired(state: State, body: k.ContextRetired, _event: Event) -> State:
    return _moved(state, body.context, body)


def _forgotten(state: State, body: k.ContextForgotten, _event: Event) -> State:
    """Nothing of it is kept in the state; the journal has its history."""
    context = state.contexts.named.get(body.context)
    if context is None:
        return state
    after(body.context, context.state, body.name)
    return without_context(state, body.context)


def _window_chosen(state: State, body: g.WindowChosen, _event: Event) -> State:
    """Conversations that have it chosen go on in it before it is there: what loads the model waits for it."""
    failed = body.before_tokens if body.failed else None
    chosen = choose_window(state, body.model, body.context_tokens, failed_tokens=failed)
    description = chosen.models[body.model].description
    tokens = body.context_tokens // max(1, description.slots if description else 1)
    named = {
        name: replace(context, window_tokens=tokens)
        if context.open and context.model == body.model and context.sizing == "auto"
        else context
        for name, context in chosen.contexts.named.items()
    }
    return replace(chosen, contexts=replace(chosen.contexts, named=named))


def _throttled(state: State, body: r.AgentThrottled, event: Event) -> State:
    agent = state.contexts.agents.get(body.agent) or Agent(body.agent)
    return with_agent(state, replace(agent, throttled=True, since=event.position))


def _released(state: State, body: r.AgentReleased, _event: Event) -> State:
    agent = state.contexts.agents.get(body.agent) or Agent(body.agent)
    return with_agent(state, replace(agent, throttled=False, since=0))


def _moved(state: State, name: str, body: Body, **changes: Any) -> State:
    """A decision moves a context, or was taken wrongly."""
    context = state.contexts.named[name]
    moved = replace(context, state=after(name, context.state, body.name), **changes)
    return with_context(state, moved)


def _outcome(state: State, name: str, body: Body, **changes: Any) -> State:
    """An outcome moves a context that waits for it."""
    context = state.contexts.named.get(name)
    to = TABLE.get((context.state, body.name)) if context else None
    return state if to is None else _moved(state, name, body, **changes)


def _noted(state: State, _body: Body, _event: Event) -> State:
    return state


#: Nothing is under way.
_DONE: dict[str, Any] = {"intent": 0, "replacing": (), "summary_tokens": 0}

_NOTED: Iterable[type[Body]] = (
    e.CompressionAsked,
    e.SummaryAttempted,
    e.PruneAsked,
    e.OptimizationRefused,
    e.MessagesWanted,
    k.CacheAsked,
    k.RestoreAsked,
    g.WindowWanted,
    r.WorkingMemoryReduced,
    r.MemoryOptimized,
)

EVOLVE: dict[type[Body], Callable[..., State]] = {
    **dict.fromkeys(_NOTED, _noted),
    e.ContextOpened: _opened,
    e.ContextRefused: _refused,
    e.MessageAdded: _added,
    e.MessageRefused: _message_refused,
    e.MessagePinned: _pinned,
    e.ContextCompressionStarted: _compression_started,
    e.SummaryMade: _summary_made,
    e.ContextCompressed: _compressed,
    e.CompressionDiscarded: _given_up,
    e.CompressionFailed: _given_up,
    e.ContextPruned: _pruned,
    e.MessagesRestored: _restored_messages,
    e.ContextUsed: _used,
    k.ContextCacheStarted: _began,
    k.ModelCached: _cached,
    k.ContextCacheFailed: _cache_failed,
    k.ContextRestoreStarted: _began,
    k.ContextRestored: _restored,
    k.ContextRestoreFailed: _restore_failed,
    k.ContextClosed: _closed,
    k.ContextRetired: _retired,
    k.ContextSettled: _settled,
    k.ContextForgotten: _forgotten,
    g.WindowChosen: _window_chosen,
    r.AgentThrottled: _throttled,
    r.AgentReleased: _released,
}
