"""Which patterns are given up, when, and what is said of it."""

import pytest

from bursar.domain.contexts.settings import PatternSettings
from bursar.domain.host.events import ManagerStopping, TimerFired
from bursar.domain.patterns.events import (
    PatternRefused,
    PatternRemoved,
    PatternsReclaimed,
    PatternsUsed,
    PatternTextsDeleted,
)
from bursar.domain.reasons import reevaluate
from bursar.domain.settings import Settings
from bursar.domain.timers import next_wakeup
from bursar.projections.metrics import resource_metrics
from bursar.testing.facts import configured
from bursar.testing.specification import Given, When, after, decided, given

from .support import keeping, stored


def reclaimed(when: When) -> PatternsReclaimed:
    """The decision, whose reason holds."""
    decision = when.of(PatternsReclaimed)
    assert isinstance(decision, PatternsReclaimed)
    assert reevaluate(decision.reason)
    return decision


def wakeup_ms(flow: Given) -> int | None:
    """How long until the next timer."""
    moment = next_wakeup(flow.state)
    return None if moment is None else (moment - flow.state.at) // 1_000_000


def kept(flow: Given) -> list[str]:
    """Names of those that are kept."""
    return list(flow.state.patterns.named)


# --- room ----------------------------------------------------------------------------------------------


def test_nothing_follows_while_there_is_room() -> None:
    flow = given(keeping(max_bytes=200), stored("a")).when(stored("b")).then_nothing()
    assert (kept(flow), flow.state.patterns.size) == (["a", "b"], 200)


def test_what_is_stored_anew_takes_its_own_place() -> None:
    flow = given(keeping(max_bytes=200), stored("a", 150), PatternsUsed(uses={"a": 3}))
    flow = flow.when(stored("a", 200)).then_nothing()
    assert (flow.state.patterns.size, flow.state.patterns.named["a"].uses) == (200, 3)


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        # Unused for longest, however often it was used before.
        ("age", "old"),
        ("usage", "rare"),
        ("size", "large"),
        ("importance", "dull"),
    ],
)
def test_who_goes_first_is_the_policys(priority: str, expected: str) -> None:
    flow = given(
        keeping(max_bytes=1000, priority=priority),
        stored("old", 200),
        stored("rare", 200),
        stored("large", 300),
        stored("dull", 200, importance=100),
        after(1000),
        PatternsUsed(uses={"rare": 1, "large": 2, "dull": 2}),
        after(1000),
        PatternsUsed(uses={"old": 5, "large": 1, "dull": 1}),
        after(1000),
        *((PatternsUsed(uses={"rare": 1, "large": 1, "dull": 1}),) if priority == "age" else ()),
    )
    when = flow.when(stored("new", 200))
    decision = reclaimed(when)
    assert (decision.patterns, decision.reason.rule) == ((expected,), f"patterns.{priority}")
    assert decision.freed_bytes == flow.state.patterns.named[expected].size
    assert [(one.what, one.left, one.op, one.right) for one in decision.reason.tests] == [
        ("pattern_bytes", 1100, ">", 1000),
        ("least_pattern_bytes", 200, ">", 1000),
    ]
    assert [one.model for one in decision.reason.candidates] == [expected]
    assert "new" in when.given.state.patterns.named


@pytest.mark.parametrize("priority", ["usage", "size", "importance"])
def test_of_equals_the_one_goes_that_was_not_used_for_longest(priority: str) -> None:
    flow = given(keeping(max_bytes=200, priority=priority), stored("b"), after(1000), stored("a"))
    assert reclaimed(flow.when(stored("c"))).patterns == ("b",)


def test_equals_go_by_name() -> None:
    decision = reclaimed(
        given(keeping(max_bytes=300), stored("b"), stored("c"), stored("a")).when(stored("d"))
    )
    assert decision.patterns == ("a",)


def test_as_many_go_as_it_takes() -> None:
    when = given(keeping(max_bytes=300), stored("a"), stored("b"), stored("c")).when(stored("d", 201))
    assert reclaimed(when).patterns == ("a", "b", "c")
    assert when.given.state.patterns.size == 201


def test_important_ones_stay_and_are_named_where_they_would_have_gone() -> None:
    flow = given(
        keeping(max_bytes=300), stored("a", importance=800), stored("b", importance=799), stored("c")
    )
    decision = reclaimed(flow.when(stored("d")))
    assert decision.patterns == ("b",)
    assert [(one.model, one.because) for one in decision.reason.excluded] == [("a", "important")]


def test_important_ones_go_like_others_where_they_are_not_preserved() -> None:
    flow = given(keeping(max_bytes=200, preserve_important=False), stored("a", importance=1000), stored("b"))
    assert reclaimed(flow.when(stored("c"))).patterns == ("a",)


def test_what_would_not_fit_even_then_is_refused_with_the_figures() -> None:
    flow = given(keeping(max_bytes=500), stored("a", 200, importance=900), stored("b", 100))
    when = flow.when(stored("c", 301))
    values = {"pattern": "c", "size": "301", "room": "300", "limit": "500"}
    after_it = when.then(
        decided(
            PatternRefused, pattern="c", code="PATTERN_LIMIT_EXCEEDED", values=values, rule="patterns.limit"
        )
    )
    assert (kept(after_it), after_it.state.patterns.size) == (["a", "b"], 300)
    assert after_it.state.patterns.leaving == {"c": after_it.state.position}


def test_a_refused_one_leaves_what_it_was_to_replace() -> None:
    flow = given(keeping(max_bytes=500), stored("a", 200), PatternsUsed(uses={"a": 2}))
    before = flow.state.patterns.named["a"]
    flow = flow.when(stored("a", 501, sort="result")).then(PatternRefused)
    assert flow.state.patterns.named == {"a": before}
    assert (flow.state.patterns.size, flow.state.patterns.leaving) == (200, {})


# --- time ----------------------------------------------------------------------------------------------


def test_one_that_nobody_uses_goes_at_its_time_and_not_before() -> None:
    flow = given(keeping(max_age_ms=1000, min_usage=2), stored("a"), after(400), stored("b"))
    assert wakeup_ms(flow) == 600
    flow.when(TimerFired(), after_ms=599).then_nothing()
    when = flow.when(TimerFired(), after_ms=600)
    decision = reclaimed(when)
    assert (decision.patterns, decision.reason.rule) == (("a",), "patterns.unused")
    assert [(one.what, one.left, one.op, one.right) for one in decision.reason.tests] == [
        ("pattern_bytes", 200, ">", PatternSettings().max_bytes),
        ("unused_ms a", 1000, ">=", 1000),
        ("uses a", 0, "<", 2),
    ]
    assert wakeup_ms(when.given) == 400


def test_a_use_begins_its_time_anew_and_enough_of_them_end_it() -> None:
    flow = given(keeping(max_age_ms=1000, min_usage=2), stored("a"), after(900), PatternsUsed(uses={"a": 1}))
    assert wakeup_ms(flow) == 1000
    assert wakeup_ms(flow.and_then(PatternsUsed(uses={"a": 1}))) is None


def test_one_that_was_used_often_enough_stays_when_another_goes() -> None:
    flow = given(keeping(max_age_ms=1000, min_usage=2), stored("a"), stored("b"), PatternsUsed(uses={"b": 2}))
    assert reclaimed(flow.when(TimerFired(), after_ms=1000)).patterns == ("a",)


def test_an_important_one_never_goes_by_its_time() -> None:
    flow = given(keeping(max_age_ms=1000), stored("a", importance=800))
    assert wakeup_ms(flow) is None
    flow.when(TimerFired(), after_ms=10_000).then_nothing()


def test_a_few_go_at_a_time_and_the_rest_at_once_after_them() -> None:
    flow = given(keeping(max_age_ms=1000), *(stored(f"p{n:03}") for n in range(100)), after(2000))
    when = flow.when(TimerFired())
    assert len(reclaimed(when).patterns) == 64
    assert wakeup_ms(when.given) == 0
    when = when.given.when(TimerFired())
    assert len(reclaimed(when).patterns) == 36
    assert wakeup_ms(when.given) is None


def test_a_lowered_limit_is_come_down_to_little_by_little() -> None:
    flow = given(keeping(), *(stored(f"p{n:03}", 10) for n in range(100)))
    lower = Settings(patterns=PatternSettings(max_bytes=100))
    flow = flow.when(configured(lower)).then_nothing()
    assert wakeup_ms(flow) == 0
    when = flow.when(TimerFired())
    assert len(reclaimed(when).patterns) == 64
    when = when.given.when(TimerFired())
    assert len(reclaimed(when).patterns) == 26
    assert (when.given.state.patterns.size, wakeup_ms(when.given)) == (100, lower.patterns.max_age_ms)


def test_no_timer_is_set_for_what_may_not_go() -> None:
    flow = given(
        keeping(), stored("a", importance=900), configured(Settings(patterns=PatternSettings(max_bytes=1)))
    )
    assert wakeup_ms(flow) is None
    flow.when(TimerFired()).then_nothing()


def test_nothing_goes_while_the_manager_stops() -> None:
    flow = given(keeping(max_age_ms=1000), stored("a"), ManagerStopping())
    assert wakeup_ms(flow) is None
    flow.when(TimerFired(), after_ms=5000).then_nothing()


# --- what becomes of them ------------------------------------------------------------------------------


def test_the_texts_of_those_that_are_gone_are_still_to_be_deleted_until_that_is_said() -> None:
    flow = given(keeping(max_bytes=100), stored("a"), stored("b"), PatternRemoved(pattern="b"))
    assert list(flow.state.patterns.leaving) == ["a", "b"]
    assert (kept(flow), flow.state.patterns.size) == ([], 0)
    flow = flow.and_then(PatternTextsDeleted(patterns=("a",)))
    assert list(flow.state.patterns.leaving) == ["b"]


def test_one_that_is_stored_anew_is_not_to_be_deleted() -> None:
    flow = given(keeping(), stored("a"), PatternRemoved(pattern="a"), stored("a"))
    assert (kept(flow), flow.state.patterns.leaving) == (["a"], {})


def test_uses_of_what_is_gone_are_passed_over() -> None:
    flow = given(keeping(), stored("a"), PatternsUsed(uses={"a": 1, "b": 7}))
    assert [(one.name, one.uses) for one in flow.state.patterns.named.values()] == [("a", 1)]


def test_the_metrics_say_what_they_take() -> None:
    texts = resource_metrics(given(keeping(), stored("a", 30), stored("b", 12)).state).texts
    assert (texts.patterns, texts.patterns_bytes, texts.contexts) == (2, 42, 0)
