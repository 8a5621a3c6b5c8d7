"""Who may hold a conversation, under which terms, and how it ends."""

from bursar.domain.contexts import keeping as k
from bursar.domain.contexts.events import (
    ContextCompressionStarted,
    ContextRefused,
    MessageRefused,
    OptimizationRefused,
)
from bursar.domain.contexts.machine import ContextState
from bursar.domain.events import Fact
from bursar.testing.specification import decided

from .support import NAME, begun, compress, opened, prune, said, talked, the, wanted


def test_a_conversation_begins() -> None:
    flow = begun()
    assert the(flow.state).state is ContextState.ACTIVE
    assert flow.state.contexts.open == 1


def test_only_so_many_are_open() -> None:
    flow = begun(max_contexts=2).and_then(opened("b"))
    refused = flow.when(opened("c")).then(
        decided(ContextRefused, code="CONTEXT_LIMIT_EXCEEDED", known=False, rule="contexts.open")
    )
    assert "c" not in refused.state.contexts.named
    assert refused.state.contexts == flow.state.contexts
    flow.and_then(k.ContextClosed(context="b")).when(opened("c")).then_nothing()


def test_an_answer_needs_less_than_the_window() -> None:
    begun().when(opened("b", window_tokens=100, reserve_tokens=100)).then(
        decided(ContextRefused, code="CONTEXT_LIMIT_EXCEEDED")
    )


def test_one_that_is_open_goes_on_under_other_terms() -> None:
    flow = begun().and_then(talked(3)).when(opened(window_tokens=500, agent="other")).then_nothing()
    assert the(flow.state).limit_tokens == 500
    assert list(flow.state.contexts.agents) == ["other"]
    assert flow.state.contexts.agents["other"].used_bytes == the(flow.state).size


def test_terms_that_cannot_be_leave_those_that_were() -> None:
    flow = begun().and_then(talked(3))
    refused = flow.when(opened(window_tokens=10, reserve_tokens=10)).then(decided(ContextRefused, known=True))
    assert refused.state.contexts == flow.state.contexts


def test_a_smaller_window_begins_a_compression() -> None:
    flow = begun(automatic="extractive").and_then(talked(10))
    flow.when(opened(window_tokens=200)).then(decided(ContextCompressionStarted, rule="compress.due"))


def test_what_is_closed_stays_closed() -> None:
    flow = begun().and_then(talked(1), k.ContextClosed(context=NAME))
    assert flow.state.contexts.open == 0
    assert flow.state.contexts.agents == {}
    flow.when(opened()).then(decided(ContextRefused, code="CONTEXT_UNAVAILABLE", known=True))
    flow.when(said()).then(decided(MessageRefused, code="CONTEXT_UNAVAILABLE"))


def test_a_name_that_was_forgotten_is_free() -> None:
    flow = begun().and_then(talked(1), k.ContextForgotten(context=NAME))
    assert flow.state.contexts.named == {}
    assert flow.state.contexts.used_bytes == 0
    again = flow.and_then(opened(), said())
    assert the(again.state).tokens == 10


def test_nothing_can_be_done_to_what_is_not_there() -> None:
    flow = begun().and_then(k.ContextForgotten(context=NAME))
    flow.when(said()).then(decided(MessageRefused, code="NO_SUCH_CONTEXT"))
    asked: tuple[Fact, ...] = (
        compress(),
        wanted(1),
        k.CacheAsked(context=NAME),
        k.RestoreAsked(context=NAME),
    )
    for fact in asked:
        flow.when(fact).then(decided(OptimizationRefused, code="NO_SUCH_CONTEXT"))
    flow.when(k.ContextClosed(context=NAME)).then_nothing()
    flow.when(k.ContextForgotten(context=NAME)).then_nothing()
    begun().and_then(k.ContextClosed(context=NAME)).when(prune(1)).then(
        decided(OptimizationRefused, code="CONTEXT_UNAVAILABLE")
    )
