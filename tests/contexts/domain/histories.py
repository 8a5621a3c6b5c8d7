"""Random histories of two contexts of one agent, played step by step and watched."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from bursar.domain.contexts import keeping as k
from bursar.domain.contexts.entries import at, count, every
from bursar.domain.contexts.events import (
    CompressionAsked,
    CompressionFailed,
    ContextCompressed,
    ContextCompressionStarted,
    ContextOpened,
    ContextPruned,
    ContextUsed,
    MessagePinned,
    MessagesWanted,
    PruneAsked,
    SummaryMade,
)
from bursar.domain.contexts.least import least_tokens
from bursar.domain.contexts.machine import ContextState
from bursar.domain.contexts.spans import length, ordinals, spans_of
from bursar.domain.contexts.state import Context
from bursar.domain.contexts.structure import problems, required, shape
from bursar.domain.contexts.values import Genre, Role
from bursar.domain.events import Event, Fact
from bursar.domain.host.events import ManagerReconciled, ManagerStarted, TimerFired
from bursar.domain.kernel import Step, initial, step
from bursar.domain.requests.line import NS_PER_MS
from bursar.domain.settings import Settings
from bursar.domain.state import State
from bursar.domain.timers import next_wakeup
from bursar.testing.facts import configured, started

from ...domain.invariants import Invariants
from .checks import broken, standing
from .support import cached, opened, said, settings, unpacked

NAMES = ("one", "two")
GENRES: tuple[Genre, ...] = ("dialogue", "agent")
_EPOCH = 1_700_000_000 * 10**9
_ROLES: tuple[Role, ...] = ("user", "assistant", "tool", "system")
SETTINGS = settings(
    automatic="extractive",
    keep_last=2,
    agent_bytes=5_000,
    global_bytes=9_000,
    idle_ms=60_000,
    max_age_ms=600_000,
    preserve=("important", "recent"),
)


class Act(NamedTuple):
    """Something that happens to one of the contexts; what the numbers mean is up to what it is."""

    what: str
    which: int
    number: int
    other: int


class History:
    """A manager, and what happened to its contexts."""

    def __init__(self, chosen: Settings = SETTINGS, genre: Genre = "dialogue") -> None:
        self.state: State = initial()
        self.events: list[Event] = []
        #: Of each context, the revision at which its last compression began.
        self.begun: dict[str, int] = {}
        self._watch = Invariants()
        self._now = _EPOCH
        self._genre: Genre = genre
        for fact in (*_running(chosen), *(self._opened(name) for name in NAMES)):
            self.take(fact)

    def play(self, acts: Sequence[Act]) -> None:
        """All of it, one after another."""
        for act in acts:
            context = self.state.contexts.named.get(NAMES[act.which])
            if context is None:
                self.take(self._opened(NAMES[act.which]))
                continue
            what = "restore" if context.state is ContextState.CACHED and act.what == "add" else act.what
            fact = _FACTS[what](self, context, act)
            if fact is not None:
                self.take(fact)
            self._end_some(act)

    def take(self, fact: Fact) -> Step:
        """One step, with everything that must hold after it."""
        before = self.state
        taken = step(before, fact, at=self._now)
        self._watch(before, taken)
        self.state = taken.state
        self.events += taken.events
        for event in taken.decisions:
            if isinstance(event.body, ContextCompressionStarted):
                self.begun[event.body.context] = event.body.revision
        for name, context in self.state.contexts.named.items():
            self._holds(before.contexts.named.get(name), context, taken)
        _books_agree(self.state)
        return taken

    def pass_time(self, ms: int) -> None:
        """Timers fire when they are due, and not for ever."""
        end = self._now + ms * NS_PER_MS
        fired = 0
        for _ in range(20):
            moment = next_wakeup(self.state, fired)
            if moment is None or moment > end:
                break
            fired = self._now = max(self._now, moment)
            if not step(self.state, TimerFired(), at=self._now).decisions:
                continue
            self.take(TimerFired())
            self._pack_all()
        else:
            raise AssertionError("a timer fires without an end")
        self._now = end

    def _opened(self, name: str) -> ContextOpened:
        return opened(name, window_tokens=600, genre=self._genre)

    def _pack_all(self) -> None:
        for name, context in list(self.state.contexts.named.items()):
            if context.state is ContextState.CACHING:
                self.take(cached(name))

    def _end_some(self, act: Act) -> None:
        """A summary that is under way comes soon, sometimes late, and sometimes is none."""
        for name, context in list(self.state.contexts.named.items()):
            if context.state is ContextState.COMPRESSING and act.other % 3:
                self.take(_summary(self, context, act))
            elif context.state is ContextState.CACHING and act.other % 2:
                self.take(cached(name))
            elif context.state is ContextState.RESTORING and act.other % 2:
                self.take(unpacked(*_lost(context, act), name=name))

    def _holds(self, before: Context | None, after: Context, taken: Step) -> None:
        found = standing(after)
        assert not found, (taken.fact.body.name, found)
        needed = required(shape(after.entries, after.window), after.genre)
        must = sum(at(after.entries, ordinal).tokens for ordinal in _at(after, needed))
        assert least_tokens(after, 10**9) <= must, "it would be refused although there is room"
        assert not problems(after.entries, after.window)
        lost = isinstance(taken.fact.body, k.ContextRestored)
        if before is not None and before is not after and not lost and before.position == after.position:
            found = broken(before, after)
            assert not found, (taken.fact.body.name, found)
        assert not (after.intent and isinstance(taken.fact.body, ManagerStarted)), "nobody does it any more"
        for event in taken.decisions:
            _within(before, taken.fact.body, event.body)


def _at(context: Context, places: Iterable[int]) -> list[int]:
    sent = list(ordinals(context.window))
    return [sent[place] for place in places]


def _within(before: Context | None, fact: object, decision: object) -> None:
    """Targets are kept, and nothing grows by being made smaller."""
    match decision:
        case ContextPruned() as pruned:
            assert isinstance(fact, PruneAsked)
            assert fact.target_tokens is None or pruned.after_tokens <= fact.target_tokens
            assert fact.target_bytes is None or pruned.after_bytes <= fact.target_bytes
            assert pruned.after_messages > 0
        case ContextCompressed() as compressed if before is not None and before.name == compressed.context:
            assert compressed.after_tokens < compressed.before_tokens
            assert isinstance(fact, SummaryMade)
            assert fact.tokens <= before.summary_tokens
            assert (fact.revision, fact.replacing) == (before.revision, before.replacing)
            assert frozenset(ordinals(compressed.dropped)) <= frozenset(ordinals(before.window))
        case _:
            pass


def _books_agree(state: State) -> None:
    """The sums that are kept are those of what is there."""
    contexts = state.contexts
    held = [context for context in contexts.named.values() if context.open]
    assert contexts.open == len(held)
    assert contexts.used_bytes == sum(context.size for context in held)
    assert contexts.packed_bytes == sum(context.packed for context in contexts.named.values())
    for agent in contexts.agents.values():
        own = [context for context in held if context.agent == agent.name]
        assert (agent.contexts, agent.used_bytes) == (len(own), sum(context.size for context in own))
    assert all(context.agent in contexts.agents for context in held)
    active = [context for context in contexts.named.values() if context.state is ContextState.ACTIVE]
    assert [context.used_at for context in active] == sorted(context.used_at for context in active)
    for context in contexts.named.values():
        busy = (ContextState.COMPRESSING, ContextState.CACHING, ContextState.RESTORING)
        assert bool(context.intent) == (context.state in busy)
        given = [entry.importance or 0 for entry in every(context.entries)]
        assert context.importance == max(given, default=0)


def _running(chosen: Settings) -> tuple[Fact, ...]:
    return started(), configured(chosen), ManagerReconciled()


def _add(history: History, context: Context, act: Act) -> Fact:
    role = _ROLES[(0, 0, 1, 1, 1, 2, 2, 3)[act.number % 8]]
    pending = [o for o, entry in enumerate(every(context.entries)) if entry.calls > entry.answered]
    answers = pending[act.other % len(pending)] if role == "tool" and pending and act.other % 5 else None
    if role == "tool" and act.other % 7 == 0:
        answers = act.other - 3
    return said(
        role,
        (1, 5, 10, 20, 40, 90)[act.other % 6],
        name=context.name,
        calls=act.other % 4 if role == "assistant" and act.number % 2 else 0,
        answers=answers,
        importance=400 if act.other == 31 else None,
        pinned=act.other == 29,
    )


def _prune(history: History, context: Context, act: Act) -> Fact:
    messages = length(context.window)
    return PruneAsked(
        context=context.name,
        revision=context.revision - (act.other == 17),
        target_tokens=context.tokens * (act.other % 10) // 10 if act.other % 4 else None,
        target_bytes=context.size * (act.number % 10) // 10 if act.other % 4 in (0, 1) else None,
        scores=tuple((act.number * 37 + place * 101 * (act.other + 1)) % 997 for place in range(messages)),
        scorer="random",
        keep_last=act.number % 5,
    )


def _compress(history: History, context: Context, act: Act) -> Fact:
    target = context.tokens * (act.number % 10) // 10 if act.other % 2 else None
    return CompressionAsked(
        context=context.name, method="extractive", target_tokens=target, keep_last=act.other % 4
    )


def _summary(history: History, context: Context, act: Act) -> Fact:
    if act.other % 11 == 0:
        return CompressionFailed(context=context.name, code="SYSTEM_ERROR", cause_text="the script says so")
    tokens = max(1, context.summary_tokens * (0, 3, 5, 8, 10, 10, 11, 40)[act.number % 8] // 10)
    return SummaryMade(
        context=context.name,
        revision=history.begun.get(context.name, 0) - (act.other in (13, 26)),
        replacing=context.replacing,
        address="b" * 64,
        size=tokens * 10,
        tokens=tokens,
        counted_by="test",
        method="extractive",
        facts=1,
    )


def _want(history: History, context: Context, act: Act) -> Fact | None:
    there = frozenset(ordinals(context.window))
    out = [number for number in range(count(context.entries)) if number not in there]
    if act.other % 3 == 0 and out:
        out = [out[act.number % len(out)]]
    return MessagesWanted(context=context.name, wanted=spans_of(out or [act.number]))


def _pin(history: History, context: Context, act: Act) -> Fact | None:
    if not context.entries:
        return None
    ordinal = act.number % count(context.entries)
    importance = at(context.entries, ordinal).importance
    return MessagePinned(
        context=context.name, ordinal=ordinal, pinned=act.other % 3 > 0, importance=importance
    )


def _lost(context: Context, act: Act) -> tuple[int, ...]:
    known = count(context.entries)
    return (act.number % known,) if known and act.other % 3 else ()


def _cache(history: History, context: Context, act: Act) -> Fact:
    return k.CacheAsked(context=context.name)


def _restore(history: History, context: Context, act: Act) -> Fact:
    return k.RestoreAsked(context=context.name)


def _late(history: History, context: Context, act: Act) -> Fact:
    """An outcome that nobody waits for any more."""
    return (cached(context.name), unpacked(name=context.name), _summary(history, context, act))[act.other % 3]


def _end(history: History, context: Context, act: Act) -> Fact | None:
    if act.other % 4:
        return None
    kind = (
        k.ContextForgotten if context.state is ContextState.CLOSED or act.other % 8 == 0 else k.ContextClosed
    )
    return kind(context=context.name)


def _restart(history: History, context: Context, act: Act) -> Fact:
    *first, last = _running(SETTINGS)
    for fact in first:
        history.take(fact)
    return last


def _reopen(history: History, context: Context, act: Act) -> Fact:
    return opened(context.name, window_tokens=(0, 60, 150, 400, 800)[act.number % 5], budget_tokens=None)


def _use(history: History, context: Context, act: Act) -> Fact:
    return ContextUsed(context=context.name, messages=1, tokens=1)


def _wait(history: History, context: Context, act: Act) -> Fact | None:
    history.pass_time((1, 1_000, 61_000, 700_000)[act.number % 4])
    return None


def _tighten(history: History, context: Context, act: Act) -> Fact:
    changed = SETTINGS.context.model_copy(update={"agent_bytes": (500, 2_000, 5_000)[act.number % 3]})
    return configured(SETTINGS.model_copy(update={"context": changed}))


_FACTS = {
    "add": _add,
    "prune": _prune,
    "compress": _compress,
    "want": _want,
    "pin": _pin,
    "cache": _cache,
    "restore": _restore,
    "late": _late,
    "end": _end,
    "restart": _restart,
    "reopen": _reopen,
    "use": _use,
    "wait": _wait,
    "tighten": _tighten,
}
_OFTEN = ("add",) * 8 + ("prune", "prune", "compress", "want", "pin")
_RARE = ("cache", "late", "end", "restart", "reopen", "use", "wait", "tighten")


def _act(*kinds: str) -> st.SearchStrategy[Act]:
    which = st.sampled_from((0, 0, 0, 0, 0, 1))
    return st.builds(Act, st.sampled_from(kinds), which, st.integers(0, 63), st.integers(0, 31))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Act, ...]:
    """Some messages, and then, besides more of them, a few kinds of things, so that they meet.

    In chunks: long lists are drawn more often than Hypothesis would on its own.
    """
    happening = draw(st.lists(st.sampled_from(_RARE), max_size=3))
    acts = _act(*_OFTEN, *happening)
    chunks = [draw(st.lists(acts, min_size=6, max_size=12)) for _ in range(draw(st.integers(1, 6)))]
    begin = draw(st.lists(_act("add"), min_size=6, max_size=14))
    return (*begin, *(act for chunk in chunks for act in chunk))
