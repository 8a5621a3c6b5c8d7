"""What time alone does to contexts: nobody used them, so they are packed, and in the end closed."""

from collections.abc import Iterator

from ..draft import Draft
from ..host.state import Phase
from ..reasons import Comparisons, Reason
from ..requests.line import NS_PER_MS
from ..state import State
from . import agents
from . import keeping as k
from .machine import ContextState
from .state import Context

#: So many are packed or closed in one step; those that are left are due at once.
_AT_ONCE = 16
_CLOSABLE = (ContextState.ACTIVE, ContextState.CACHED)


def reclaim(draft: Draft) -> None:
    """Close what is too old, then pack what is idle: lowest priority first, then the longest unused."""
    old = sorted(_due(draft.state, _old(draft.state)))[:_AT_ONCE]
    for _priority, _moment, name in old:
        _retire(draft, draft.state.contexts.named[name])
    idle = sorted(_due(draft.state, _idle(draft.state)))[: _AT_ONCE - len(old)]
    for _priority, _moment, name in idle:
        _pack(draft, draft.state.contexts.named[name])
    if old:
        agents.review_all(draft)


def moments(state: State) -> Iterator[int]:
    """When contexts are packed and closed, in UTC nanoseconds, if nothing else happens."""
    closed = min((moment for moment, _context in _old(state)), default=None)
    if closed is not None:
        yield closed
    packed = _next_idle(state)
    if packed is not None:
        yield packed


def _next_idle(state: State) -> int | None:
    """Looked for no further than it takes: the longest unused come first."""
    first: int | None = None
    for moment, context in _idle(state):
        first = moment if first is None else min(first, moment)
        if context.pack_failed_at <= context.used_at:
            break
    return first


def _due(state: State, found: Iterator[tuple[int, Context]]) -> Iterator[tuple[int, int, str]]:
    for moment, context in found:
        if moment <= state.at:
            yield _priority(state, context), moment, context.name


def _priority(state: State, context: Context) -> int:
    own = state.host.settings.agents.get(context.agent)
    return context.priority + (own.priority if own else 0)


def _old(state: State) -> Iterator[tuple[int, Context]]:
    """Contexts that may be closed, and when."""
    max_age_ms = state.host.settings.context.max_age_ms
    packed_ms = state.host.settings.compression.max_age_ms
    if state.host.phase is not Phase.RUNNING or (max_age_ms is None and packed_ms is None):
        return
    spared = _Spared(state)
    for context in state.contexts.named.values():
        if context.state not in _CLOSABLE or spared.spares(context):
            continue
        ends = [] if max_age_ms is None else [context.used_at + max_age_ms * NS_PER_MS]
        if packed_ms is not None and context.state is ContextState.CACHED:
            ends.append(context.packed_at + packed_ms * NS_PER_MS)
        if ends:
            yield min(ends), context


def _idle(state: State) -> Iterator[tuple[int, Context]]:
    """Contexts that may be packed, and when."""
    idle_ms = state.host.settings.context.idle_ms
    if state.host.phase is not Phase.RUNNING or idle_ms is None or _is_full(state):
        return
    spared = _Spared(state)
    for context in state.contexts.named.values():
        if context.state is ContextState.ACTIVE and context.entries and not spared.spares(context):
            yield max(context.used_at, context.pack_failed_at) + idle_ms * NS_PER_MS, context


def _is_full(state: State) -> bool:
    return state.contexts.packed_bytes >= state.host.settings.compression.max_bytes


class _Spared:
    """Which contexts are left alone although nobody used them."""

    def __init__(self, state: State) -> None:
        settings = state.host.settings.context
        rules = settings.preserve
        self._least = settings.importance_per_mille if "important" in rules else None
        self._active: dict[tuple[str, str], None] = {}
        self._recent: dict[str, tuple[int, int]] = {}
        if "active" in rules:
            self._active = {(request.agent, request.model): None for request in state.requests.values()}
        if "recent" in rules:
            for context in state.contexts.named.values():
                last = self._recent.get(context.agent, (0, 0))
                if context.open:
                    self._recent[context.agent] = max(last, (context.used_at, context.position))

    def spares(self, context: Context) -> bool:
        """Its agent asks its model for something, it holds something important, or is its agent's last."""
        return (
            (self._least is not None and context.importance >= self._least)
            or (context.agent, context.model) in self._active
            or self._recent.get(context.agent) == (context.used_at, context.position)
        )


def _retire(draft: Draft, context: Context) -> None:
    state = draft.state
    tests = Comparisons()
    rule = "contexts.age"
    max_age_ms = state.host.settings.context.max_age_ms
    packed_ms = state.host.settings.compression.max_age_ms
    unused_ms = (state.at - context.used_at) // NS_PER_MS
    if max_age_ms is None or not tests.hold("unused_ms", unused_ms, ">=", max_age_ms):
        rule = "contexts.packed_age"
        tests.hold("packed_ms", (state.at - context.packed_at) // NS_PER_MS, ">=", packed_ms or 0)
    reason = Reason(rule=rule, tests=tests.tests)
    draft.conclude(k.ContextRetired(context=context.name, packed_bytes=context.packed, reason=reason))


def _pack(draft: Draft, context: Context) -> None:
    since = max(context.used_at, context.pack_failed_at)
    tests = Comparisons()
    idle_ms = draft.state.host.settings.context.idle_ms or 0
    tests.hold("idle_ms", (draft.state.at - since) // NS_PER_MS, ">=", idle_ms)
    reason = Reason(rule="contexts.idle", tests=tests.tests)
    draft.conclude(k.ContextCacheStarted(context=context.name, reason=reason))
