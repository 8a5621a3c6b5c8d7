"""How events about patterns change the state."""

from collections.abc import Callable, Iterable

from ..copying import replace
from ..events import Body, Event
from ..state import State
from . import events as e
from .state import Pattern, Patterns


def _stored(state: State, body: e.PatternStored, event: Event) -> State:
    known = state.patterns.named.get(body.pattern)
    pattern = Pattern(
        name=body.pattern,
        sort=body.sort,
        position=event.position,
        size=body.size,
        importance=body.importance,
        agent=body.agent,
        stored_at=event.at,
        used_at=event.at,
        uses=known.uses if known else 0,
    )
    named = {**state.patterns.named, body.pattern: pattern}
    size = state.patterns.size + body.size - (known.size if known else 0)
    # The text that was to be deleted goes with the new one: they have the same key.
    leaving = {name: at for name, at in state.patterns.leaving.items() if name != body.pattern}
    return replace(state, patterns=Patterns(named, size, leaving, known))


def _refused(state: State, body: e.PatternRefused, event: Event) -> State:
    patterns, before = state.patterns, state.patterns.replaced
    if before is None:
        return _without(state, (body.pattern,), event.position)
    size = patterns.size + before.size - patterns.named[body.pattern].size
    named = {**patterns.named, body.pattern: before}
    return replace(state, patterns=Patterns(named, size, patterns.leaving))


def _used(state: State, body: e.PatternsUsed, event: Event) -> State:
    patterns = state.patterns
    named = dict(patterns.named)
    for name, uses in body.uses.items():
        pattern = named.get(name)
        if pattern is not None:
            named[name] = replace(pattern, uses=pattern.uses + uses, used_at=event.at)
    return replace(state, patterns=Patterns(named, patterns.size, patterns.leaving))


def _removed(state: State, body: e.PatternRemoved, event: Event) -> State:
    return _without(state, (body.pattern,), event.position)


def _reclaimed(state: State, body: e.PatternsReclaimed, event: Event) -> State:
    return _without(state, body.patterns, event.position)


def _deleted(state: State, body: e.PatternTextsDeleted, _event: Event) -> State:
    patterns = state.patterns
    leaving = {name: at for name, at in patterns.leaving.items() if name not in body.patterns}
    return replace(state, patterns=Patterns(patterns.named, patterns.size, leaving))


def _without(state: State, names: Iterable[str], position: int) -> State:
    """Those that are kept of them are kept no more, and their texts are to be deleted."""
    named = dict(state.patterns.named)
    gone = [named.pop(name) for name in names if name in named]
    leaving = {**state.patterns.leaving, **{pattern.name: position for pattern in gone}}
    size = state.patterns.size - sum(pattern.size for pattern in gone)
    return replace(state, patterns=Patterns(named, size, leaving))


EVOLVE: dict[type[Body], Callable[..., State]] = {
    e.PatternStored: _stored,
    e.PatternRefused: _refused,
    e.PatternsUsed: _used,
    e.PatternRemoved: _removed,
    e.PatternsReclaimed: _reclaimed,
    e.PatternTextsDeleted: _deleted,
}
