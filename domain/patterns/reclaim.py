"""Which patterns are given up, and when: for room at once, for age little by little."""

from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import heapify, heappop, nsmallest

from ..contexts.settings import PatternSettings
from ..draft import Draft
from ..errors import PatternLimitExceeded
from ..host.state import Phase
from ..reasons import Candidate, Comparisons, Exclusion, Reason
from ..requests.line import NS_PER_MS
from ..state import State
from .events import PatternRefused, PatternsReclaimed
from .state import Pattern

#: Given up at most in a step that time brings; the next step follows at once.
BATCH = 64
#: Of those that a reason names as left alone.
_EXCLUDED = 16


def make_room(draft: Draft, stored: str) -> None:
    """Give up as many as it takes for what was just stored, or refuse that when all would not do."""
    tests = Comparisons()
    patterns, limit = draft.state.patterns, draft.state.host.settings.patterns.max_bytes
    if not tests.hold("pattern_bytes", patterns.size, ">", limit):
        return
    others = [pattern for pattern in _expendable(draft.state) if pattern.name != stored]
    least = patterns.size - sum(pattern.size for pattern in others)
    if tests.hold("least_pattern_bytes", least, ">", limit):
        new = patterns.named[stored]
        _refuse(draft, new, max(0, limit - least + new.size), tests)
    else:
        _reclaim(draft, _enough(draft.state, others), tests)


def reclaim_due(draft: Draft) -> None:
    """Give up some of those that are too many since the limit was lowered, then of those nobody uses."""
    state = draft.state
    moment = due(state)
    if moment is None or state.at < moment:
        return
    settings, tests = state.host.settings.patterns, Comparisons()
    if tests.hold("pattern_bytes", state.patterns.size, ">", settings.max_bytes):
        expendable = list(_expendable(state))
        if expendable:
            _reclaim(draft, _enough(state, expendable)[:BATCH], tests)
            return
    chosen = nsmallest(BATCH, _unused(state), key=_order(state))
    for pattern in chosen:
        tests.hold(f"unused_ms {pattern.name}", _unused_ms(state, pattern), ">=", settings.max_age_ms)
        tests.hold(f"uses {pattern.name}", pattern.uses, "<", settings.min_usage)
    if chosen:
        _conclude(draft, "patterns.unused", chosen, tests, ())


def due(state: State) -> int | None:
    """When patterns are given up without anything happening (UTC nanoseconds); None for never."""
    patterns = state.patterns
    if not patterns.named or state.host.phase is not Phase.RUNNING:
        return None
    settings = state.host.settings.patterns
    expendable = [kind for kind in patterns.oldest if not _preserved(kind[1], settings)]
    if patterns.size > settings.max_bytes and expendable:
        return state.at
    used_at = min(
        (patterns.oldest[kind] for kind in expendable if kind[0] < settings.min_usage), default=None
    )
    return None if used_at is None else used_at + settings.max_age_ms * NS_PER_MS


def _unused(state: State) -> Iterator[Pattern]:
    """Those that nobody used for long, and few did ever."""
    settings = state.host.settings.patterns
    for pattern in _expendable(state):
        if pattern.uses < settings.min_usage and _unused_ms(state, pattern) >= settings.max_age_ms:
            yield pattern


def _expendable(state: State) -> Iterator[Pattern]:
    settings = state.host.settings.patterns
    for pattern in state.patterns.named.values():
        if not _preserved(pattern.importance, settings):
            yield pattern


def _preserved(importance: int, settings: PatternSettings) -> bool:
    return settings.preserve_important and importance >= settings.importance_per_mille


def _enough(state: State, expendable: Collection[Pattern]) -> list[Pattern]:
    """Those that go first, until what stays is within the limit or none is left."""
    excess = state.patterns.size - state.host.settings.patterns.max_bytes
    # Few of many go, as a rule: a heap spares sorting them all.
    order = _order(state)
    waiting = [(*order(pattern), pattern) for pattern in expendable]
    heapify(waiting)
    chosen: list[Pattern] = []
    while waiting and excess > 0:
        chosen.append(heappop(waiting)[-1])
        excess -= chosen[-1].size
    return chosen


def _reclaim(draft: Draft, victims: list[Pattern], tests: Comparisons) -> None:
    priority = draft.state.host.settings.patterns.priority
    _conclude(draft, f"patterns.{priority}", victims, tests, _spared(draft.state, victims[-1]))


def _conclude(
    draft: Draft, rule: str, victims: list[Pattern], tests: Comparisons, spared: Iterable[str]
) -> None:
    """Write it down, with the figures of those that went first."""
    state, order = draft.state, _order(draft.state)
    draft.conclude(
        PatternsReclaimed(
            patterns=tuple(pattern.name for pattern in victims),
            freed_bytes=sum(pattern.size for pattern in victims),
            reason=Reason(
                rule=rule,
                tests=tests.tests,
                candidates=tuple(
                    _candidate(state, pattern, order(pattern)[0]) for pattern in victims[:BATCH]
                ),
                excluded=tuple(Exclusion(model=name, because="important") for name in spared),
                evidence={"settings": state.host.settings_position},
            ),
        )
    )


def _spared(state: State, last: Pattern) -> list[str]:
    """Names of important ones that would have gone before the last that did."""
    settings, order = state.host.settings.patterns, _order(state)
    important = (
        order(pattern)
        for pattern in state.patterns.named.values()
        if _preserved(pattern.importance, settings)
    )
    until = order(last)
    return [name for _score, name in nsmallest(_EXCLUDED, (place for place in important if place < until))]


def _candidate(state: State, pattern: Pattern, score: tuple[int, ...]) -> Candidate:
    return Candidate(
        model=pattern.name,
        score=score,
        frees={"text": pattern.size},
        figures={
            "unused_ms": _unused_ms(state, pattern),
            "uses": pattern.uses,
            "importance_per_mille": pattern.importance,
        },
    )


def _order(state: State) -> Callable[[Pattern], tuple[tuple[int, ...], str]]:
    """What patterns are ordered by under the policy in force; the lowest goes first."""
    match state.host.settings.patterns.priority:
        case "age":
            return lambda pattern: ((-_unused_ms(state, pattern),), pattern.name)
        case "usage":
            return lambda pattern: ((pattern.uses, -_unused_ms(state, pattern)), pattern.name)
        case "size":
            return lambda pattern: ((-pattern.size, -_unused_ms(state, pattern)), pattern.name)
        case "importance":
            return lambda pattern: ((pattern.importance, -_unused_ms(state, pattern)), pattern.name)


def _unused_ms(state: State, pattern: Pattern) -> int:
    return (state.at - pattern.used_at) // NS_PER_MS


def _refuse(draft: Draft, pattern: Pattern, room: int, tests: Comparisons) -> None:
    """Without all that may go there would be room for so many bytes of it."""
    limit = draft.state.host.settings.patterns.max_bytes
    values = {"size": pattern.size, "room": room, "limit": limit}
    draft.conclude(
        PatternRefused(
            pattern=pattern.name,
            code=PatternLimitExceeded.code,
            values={"pattern": pattern.name, **{name: str(value) for name, value in values.items()}},
            reason=Reason(rule="patterns.limit", tests=tests.tests),
        )
    )
