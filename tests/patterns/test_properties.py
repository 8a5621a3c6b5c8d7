"""Whatever is stored, used and removed, and whenever: what the store of patterns promises holds."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given as given_that
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bursar.domain.contexts.settings import PatternSettings
from bursar.domain.events import Event
from bursar.domain.host.events import TimerFired
from bursar.domain.kernel import Step, evolve, step, take
from bursar.domain.patterns.events import PatternRefused, PatternRemoved, PatternsReclaimed, PatternsUsed
from bursar.domain.patterns.reclaim import BATCH
from bursar.domain.patterns.state import Pattern, Patterns
from bursar.domain.reasons import reevaluate
from bursar.domain.settings import Settings
from bursar.domain.state import State
from bursar.domain.timers import next_wakeup
from bursar.projections.history import state_from_json, state_to_json
from bursar.testing.facts import configured
from bursar.testing.specification import given

from .support import keeping, stored

_SETTINGS = st.builds(
    PatternSettings,
    priority=st.sampled_from(("age", "usage", "size", "importance")),
    max_bytes=st.integers(20, 60),
    max_age_ms=st.sampled_from((1000, 2000, 10**9)),
    min_usage=st.integers(1, 3),
    preserve_important=st.booleans(),
    importance_per_mille=st.sampled_from((500, 900, 1000)),
)
#: What happens, to whom, how much of it, and how important that is; some do without some of these.
_ACTION = st.tuples(
    st.sampled_from((*("store",) * 5, "use", "use", "wait", "wait", "remove", "limit")),
    st.sampled_from("abcdefgh"),
    st.integers(1, 20),
    st.sampled_from((0, 499, 500, 1000)),
)
_ACTIONS = st.lists(_ACTION, min_size=20, max_size=40)


@dataclass
class Play:
    """A manager to which things happen."""

    chosen: PatternSettings
    state: State = field(default_factory=State)
    now: int = 0
    steps: list[tuple[State, Step]] = field(default_factory=list[tuple[State, Step]])

    def __post_init__(self) -> None:
        flow = given(keeping(**self.chosen.model_dump()))
        self.state, self.now = flow.state, flow.now

    def act(self, what: str, name: str, number: int, importance: int) -> None:
        """One thing happens, if it can."""
        if what == "wait":
            self._wait(number * 100)
        elif what == "store":
            self._submit(step(self.state, stored(name, number, importance=importance), at=self.now))
        elif what == "use":
            self._submit(step(self.state, PatternsUsed(uses={name: number}), at=self.now))
        elif what == "limit":
            self.chosen = self.chosen.model_copy(update={"max_bytes": number * 3})
            self._submit(step(self.state, configured(Settings(patterns=self.chosen)), at=self.now))
        elif name in self.state.patterns.named:
            self._submit(step(self.state, PatternRemoved(pattern=name), at=self.now))

    def _wait(self, ms: int) -> None:
        """Time passes, and timers fire when they are due. None of them finds nothing to do."""
        until = self.now + ms * 1_000_000
        while (due := next_wakeup(self.state)) is not None and due <= until:
            self.now = max(self.now, due)
            taken = step(self.state, TimerFired(), at=self.now)
            assert taken.decisions, "a timer that finds nothing to do would fire for ever"
            self._submit(taken)
        self.now = until

    def _submit(self, taken: Step) -> None:
        self.steps.append((self.state, taken))
        self.state = taken.state


def played(chosen: PatternSettings, actions: list[tuple[str, str, int, int]]) -> Play:
    """What came of some actions."""
    play = Play(chosen)
    for action in actions:
        play.act(*action)
    return play


def decision(taken: Step) -> PatternsReclaimed | PatternRefused | None:
    """The one about patterns; there is never more than one."""
    found = [e.body for e in taken.decisions if isinstance(e.body, PatternsReclaimed | PatternRefused)]
    assert len(found) <= 1
    return found[0] if found else None


def preserved(pattern: Pattern, settings: PatternSettings) -> bool:
    """Whether it is never given up."""
    return settings.preserve_important and pattern.importance >= settings.importance_per_mille


@given_that(_SETTINGS, _ACTIONS)
@hypothesis_settings(max_examples=60)
def test_the_limit_holds_after_everything_that_is_stored(
    chosen: PatternSettings, actions: list[tuple[str, str, int, int]]
) -> None:
    for before, taken in played(chosen, actions).steps:
        patterns = taken.state.patterns
        assert patterns.size == sum(one.size for one in patterns.named.values())
        lowered = taken.fact.body.name == "SettingsChanged"
        refused = isinstance(decision(taken), PatternRefused)
        limit = taken.state.host.settings.patterns.max_bytes
        if lowered or refused or before.patterns.size > limit:
            # It is come down to, and never left further behind.
            assert patterns.size <= max(limit, before.patterns.size)
        else:
            assert patterns.size <= limit
        if taken.fact.body.name == "PatternStored" and not refused:
            assert patterns.size <= limit


@given_that(_SETTINGS, _ACTIONS)
@hypothesis_settings(max_examples=60)
def test_who_is_given_up_is_who_the_policy_says_and_nobody_important(
    chosen: PatternSettings, actions: list[tuple[str, str, int, int]]
) -> None:
    for before, taken in played(chosen, actions).steps:
        body = decision(taken)
        if body is None:
            continue
        assert reevaluate(body.reason)
        settings = taken.state.host.settings.patterns
        known = evolve(before, taken.fact).patterns.named
        if isinstance(body, PatternRefused):
            least = sum(
                one.size for one in known.values() if preserved(one, settings) and one.name != body.pattern
            )
            assert least + known[body.pattern].size > settings.max_bytes
            assert taken.state.patterns.named == before.patterns.named
            continue
        victims = [known[name] for name in body.patterns]
        assert victims
        assert body.freed_bytes == sum(one.size for one in victims)
        assert not any(preserved(one, settings) for one in victims)
        stored_now = getattr(taken.fact.body, "pattern", None)
        assert stored_now not in body.patterns
        stay = [one for one in taken.state.patterns.named.values() if not preserved(one, settings)]
        ordered = [order(one, settings, taken.fact) for one in victims]
        assert all(one < other for one, other in pairwise(ordered))
        if body.reason.rule == "patterns.unused":
            assert len(victims) <= BATCH
            assert all(unused(one, settings, taken.fact) for one in victims)
            assert len(victims) == BATCH or not any(unused(one, settings, taken.fact) for one in stay)
        else:
            others = [one for one in stay if one.name != stored_now]
            assert all(ordered[-1] < order(one, settings, taken.fact) for one in others)
            # None of them more than it took.
            assert taken.state.patterns.size + victims[-1].size > settings.max_bytes


@given_that(_SETTINGS, _ACTIONS)
@hypothesis_settings(max_examples=60)
def test_deciding_and_folding_again_come_to_the_same(
    chosen: PatternSettings, actions: list[tuple[str, str, int, int]]
) -> None:
    play = played(chosen, actions)
    for before, taken in play.steps:
        state = state_from_json(state_to_json(before))
        assert take(state, taken.fact).decisions == taken.decisions
        for event in taken.events:
            state = evolve(state, event)
        assert state == taken.state
        assert state_to_json(state) == state_to_json(taken.state)


@given_that(_SETTINGS, _ACTIONS)
@hypothesis_settings(max_examples=60)
def test_what_is_told_of_the_oldest_is_always_of_those_that_are_kept(
    chosen: PatternSettings, actions: list[tuple[str, str, int, int]]
) -> None:
    """It is remembered with the patterns, and must not outlive them."""
    for _before, taken in played(chosen, actions).steps:
        patterns = taken.state.patterns
        assert patterns.oldest == Patterns(patterns.named, patterns.size).oldest


def order(pattern: Pattern, settings: PatternSettings, fact: Event) -> tuple[object, ...]:
    """Who goes first, said once more and otherwise."""
    last_ms = -((fact.at - pattern.used_at) // 1_000_000)
    key = {
        "age": (last_ms,),
        "usage": (pattern.uses, last_ms),
        "size": (-pattern.size, last_ms),
        "importance": (pattern.importance, last_ms),
    }[settings.priority]
    return (*key, pattern.name)


def unused(pattern: Pattern, settings: PatternSettings, fact: Event) -> bool:
    """Whether its time is over."""
    old = fact.at - pattern.used_at >= settings.max_age_ms * 1_000_000
    return old and pattern.uses < settings.min_usage
