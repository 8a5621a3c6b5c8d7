"""Texts are packed and unpacked when asked, or when nobody has used them for long; agents stay in limits."""

from bursar.domain.contexts import agents
from bursar.domain.contexts import keeping as k
from bursar.domain.contexts.events import MessageRefused, OptimizationRefused
from bursar.domain.contexts.machine import ContextState
from bursar.domain.contexts.relief import AgentReleased, AgentThrottled
from bursar.domain.requests.line import NS_PER_MS
from bursar.domain.timers import next_wakeup
from bursar.testing.facts import arrived, configured, described, started, timer
from bursar.testing.specification import Given, after, decided

from .support import (
    AGENT,
    MODEL,
    NAME,
    begun,
    cached,
    opened,
    prune,
    said,
    settings,
    talked,
    the,
    unpacked,
    window,
)

_ASK = k.CacheAsked(context=NAME)


def _due_ms(flow: Given) -> int | None:
    moment = next_wakeup(flow.state, flow.state.at)
    return None if moment is None else (moment - flow.state.at) // NS_PER_MS


def test_texts_are_packed_and_unpacked() -> None:
    flow = begun().and_then(talked(2))
    packing = flow.when(_ASK).then(decided(k.ContextCacheStarted, rule="cache.asked"))
    packed = packing.and_then(cached(size=50))
    assert the(packed.state).state is ContextState.CACHED
    assert packed.state.contexts.packed_bytes == 50
    packed.when(_ASK).then(decided(OptimizationRefused, what="cache", code="CONTEXT_UNAVAILABLE"))
    unpacking = packed.when(k.RestoreAsked(context=NAME)).then(k.ContextRestoreStarted)
    there = unpacking.and_then(unpacked())
    assert window(there) == window(flow)
    assert there.state.contexts.packed_bytes == 0


def test_an_empty_context_is_not_packed_and_nothing_beyond_the_limit() -> None:
    begun().when(_ASK).then(decided(OptimizationRefused, what="cache"))
    flow = begun(compression={"max_bytes": 10}).and_then(talked(1), opened("b"), said(name="b"))
    full = flow.and_then(_ASK, cached(size=10))
    full.when(k.CacheAsked(context="b")).then(decided(OptimizationRefused, code="CONTEXT_LIMIT_EXCEEDED"))


def test_packing_that_a_restart_ended_is_over() -> None:
    packing = begun().and_then(talked(1), _ASK)
    settled = packing.when(started()).then(decided(k.ContextSettled, was="caching"))
    assert the(settled.state).state is ContextState.ACTIVE
    late = settled.and_then(cached())
    assert the(late.state).state is ContextState.ACTIVE
    unpacking = packing.and_then(cached(), k.RestoreAsked(context=NAME))
    assert the(unpacking.and_then(started()).state).state is ContextState.CACHED


def test_a_context_that_nobody_uses_is_packed() -> None:
    flow = begun(idle_ms=1_000).and_then(talked(1))
    assert _due_ms(flow) == 1_000
    flow.when(timer(), after_ms=999).then_nothing()
    flow.when(timer(), after_ms=1_000).then(
        decided(k.ContextCacheStarted, context=NAME, rule="contexts.idle")
    )


def test_packing_that_failed_is_tried_again_a_while_later() -> None:
    flow = begun(idle_ms=1_000).and_then(talked(1), after(1_000), timer())
    failed = flow.and_then(k.ContextCacheFailed(context=NAME, code="SYSTEM_ERROR", cause_text="full"))
    assert _due_ms(failed) == 1_000
    failed.when(timer()).then_nothing()


def test_the_next_one_is_not_overlooked_when_packing_failed() -> None:
    """One that was used later is due before the one whose packing failed is tried again."""
    flow = begun(idle_ms=1_000).and_then(
        talked(1), after(300), opened("b"), said(name="b"), after(700), timer()
    )
    failed = flow.and_then(k.ContextCacheFailed(context=NAME, code="SYSTEM_ERROR", cause_text="full"))
    assert _due_ms(failed) == 300
    failed.when(timer(), after_ms=300).then(decided(k.ContextCacheStarted, context="b"))


def test_what_is_active_important_or_recent_is_left_alone() -> None:
    quiet = {"idle_ms": 1_000}
    important = begun(**quiet).and_then(said("user", importance=300), said("assistant"))
    assert _due_ms(important) is None
    important.when(timer(), after_ms=2_000).then_nothing()
    recent = begun(**quiet, preserve=("recent",)).and_then(talked(1), after(1), opened("b"), said(name="b"))
    recent.when(timer(), after_ms=2_000).then(decided(k.ContextCacheStarted, context=NAME))
    active = begun(**quiet).and_then(talked(1), described(MODEL), arrived(MODEL, agent=AGENT))
    active.when(timer(), after_ms=2_000).then_nothing()


def test_the_lowest_priority_goes_first() -> None:
    flow = begun(idle_ms=1_000, terms={"priority": 3}, agents={"rich": {"priority": 9}}).and_then(
        said(), opened("b", priority=2), said(name="b"), opened("c", agent="rich"), said(name="c")
    )
    packed = flow.when(timer(), after_ms=1_000).decisions
    assert [decision.model_dump()["context"] for decision in packed] == ["b", NAME, "c"]


def test_a_context_is_closed_when_it_is_too_old() -> None:
    flow = begun(max_age_ms=5_000, idle_ms=1_000).and_then(talked(1), after(1_000), timer(), cached())
    assert _due_ms(flow) == 4_000
    closed = flow.when(timer(), after_ms=4_000).then(
        decided(k.ContextRetired, packed_bytes=10, rule="contexts.age")
    )
    assert the(closed.state).state is ContextState.CLOSED
    assert _due_ms(closed) is None


def test_what_is_packed_is_closed_after_a_while_of_its_own() -> None:
    flow = begun(compression={"max_age_ms": 3_000}).and_then(talked(1), after(500), _ASK, cached())
    assert _due_ms(flow) == 3_000
    flow.when(timer(), after_ms=3_000).then(decided(k.ContextRetired, rule="contexts.packed_age"))


def test_many_are_packed_a_few_at_a_time() -> None:
    names = [f"c{number}" for number in range(20)]
    flow = begun(idle_ms=1_000).and_then(*((opened(name), said(name=name)) for name in names))
    first = flow.when(timer(), after_ms=1_000)
    assert len(first.decisions) == 16
    assert _due_ms(first.given) == 0
    assert len(first.given.when(timer()).decisions) == 4


def test_an_agent_that_holds_too_much_is_throttled_until_it_holds_clearly_less() -> None:
    flow = begun(agent_bytes=500).and_then(talked(2))
    throttled = flow.when(said("user", 11)).then(
        decided(AgentThrottled, agent=AGENT, used_bytes=510, limit_bytes=500, rule="agents.throttle")
    )
    assert agents.should_throttle(throttled.state, AGENT)
    assert agents.used(throttled.state, AGENT) == 510
    throttled.when(said()).then(decided(MessageRefused, code="AGENT_THROTTLED"))
    less = throttled.and_then(prune(None, (0,) * 5, target_bytes=460, keep_last=1))
    assert not agents.should_throttle(less.state, AGENT)
    assert AgentReleased in [type(event.body) for event in less.history]
    closed = throttled.when(k.ContextClosed(context=NAME)).then(AgentReleased)
    assert closed.state.contexts.agents == {}


def test_limits_that_change_throttle_and_release() -> None:
    flow = begun(agent_bytes=500).and_then(talked(2))
    tight = flow.when(configured(settings(agents={AGENT: {"limit_bytes": 100}}))).then(
        decided(AgentThrottled, limit_bytes=100)
    )
    assert agents.limit(tight.state, AGENT) == (100, f"agents.{AGENT}.limit")
    tight.when(configured(settings())).then(AgentReleased)


def test_a_context_of_nobody_throttles_nobody() -> None:
    flow = begun(agent_bytes=10, terms={"agent": ""}).and_then(talked(2))
    assert flow.state.contexts.agents == {}
    flow.when(said()).then_nothing()
