"""Which messages are taken in, and which are refused."""

import pytest

from bursar.domain.contexts import keeping as k
from bursar.domain.contexts.entries import at, count
from bursar.domain.contexts.events import MessageAdded, MessageRefused
from bursar.testing.specification import decided

from .support import NAME, begun, cached, opened, prune, said, talked, the, window


def test_a_message_is_at_the_end_of_the_window() -> None:
    flow = begun().and_then(said("system", 5), said("user", 7))
    context = the(flow.state)
    assert window(flow) == [0, 1]
    assert (context.tokens, context.size, context.fixed_tokens) == (12, 120, 5)


def test_a_refused_one_leaves_nothing_behind() -> None:
    flow = begun(max_message_bytes=100).and_then(talked(2), said("assistant", calls=1))
    refused = flow.when(said("tool", 11, answers=4, importance=900)).then(
        decided(MessageRefused, code="CONTEXT_LIMIT_EXCEEDED")
    )
    assert refused.state.contexts == flow.state.contexts


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (said("user", answers=2), "only a tool's message can be a result"),
        (said("tool", answers=9), "there is no such message"),
        (said("tool", answers=-1), "there is no such message"),
        (said("tool", answers=3), "there is no such message"),
        (said("tool", answers=0), "it calls no tool"),
        (said("tool", answers=2), "all its calls have their results"),
    ],
)
def test_a_result_is_of_a_call(message: MessageAdded, problem: str) -> None:
    flow = begun().and_then(said(), said("assistant"), said("assistant", calls=1))
    if problem.startswith("all"):
        flow = flow.and_then(said("tool", answers=2))
    refused = flow.when(message).of(MessageRefused)
    assert isinstance(refused, MessageRefused)
    assert refused.code == "INVALID_MESSAGE"
    assert refused.values["problem"] == problem


def test_a_result_of_a_call_that_was_left_out_is_refused() -> None:
    flow = begun().and_then(said(), said("assistant", calls=2), said("tool", answers=1), talked(3))
    pruned = flow.and_then(prune(60, (0,) * 9))
    assert 1 not in window(pruned)
    refused = pruned.when(said("tool", answers=1)).of(MessageRefused)
    assert isinstance(refused, MessageRefused)
    assert refused.values["problem"] == "the call was left out"


def test_a_tools_message_of_no_call_stands_alone() -> None:
    flow = begun().and_then(said(), said("tool"), talked(3))
    assert at(the(flow.state).entries, 1).answers is None
    assert 1 not in window(flow.and_then(prune(60, (9, 0, 9, 9, 9, 9, 9, 9))))


def test_there_are_so_many_messages_and_bytes() -> None:
    flow = begun(max_messages=2).and_then(talked(1))
    flow.when(said()).then(decided(MessageRefused, code="CONTEXT_LIMIT_EXCEEDED"))
    full = begun(global_bytes=1_000).and_then(opened("b"), talked(2), talked(2, name="b"))
    refused = full.when(said("user", 30)).of(MessageRefused)
    assert isinstance(refused, MessageRefused)
    assert refused.values["setting"] == "context.total"
    assert (refused.values["needed"], refused.values["limit"]) == ("1100", "1000")


def test_what_can_never_be_sent_is_refused() -> None:
    """The system's message, the user's last and all after it stay: beside them it would not fit."""
    flow = begun().and_then(said("system", 400), talked(20), said("user", 300))
    refused = flow.when(said("user", 601)).of(MessageRefused)
    assert isinstance(refused, MessageRefused)
    assert refused.code == "CONTEXT_TOO_LARGE"
    assert refused.values["prompt_tokens"] == "1001"
    assert refused.values["context_tokens"] == "1000"
    flow.when(said("user", 600)).then_nothing()


def test_what_the_model_said_is_taken_in_however_long_it_is() -> None:
    """It cannot be said again; the user's next message lets it be left out."""
    flow = begun().and_then(said("user", 300))
    assert the(flow.when(said("assistant", 2_000)).then_nothing().state).tokens == 2_300


def test_where_the_user_said_nothing_the_end_may_go() -> None:
    flow = begun().and_then(said("assistant", 600))
    assert the(flow.when(said("assistant", 600)).then_nothing().state).tokens == 1200


def test_nothing_is_added_to_what_is_packed() -> None:
    caching = begun().and_then(talked(1), k.CacheAsked(context=NAME))
    packed = caching.and_then(cached())
    unpacking = packed.and_then(k.RestoreAsked(context=NAME))
    for flow in (caching, packed, unpacking):
        refused = flow.when(said()).then(decided(MessageRefused, code="CONTEXT_UNAVAILABLE"))
        assert refused.state.contexts == flow.state.contexts


def test_a_hundred_thousand_messages_are_added_without_being_copied() -> None:
    """Adding one makes one new block; the others are those that were there."""
    flow = begun(terms={"window_tokens": 10**7})
    flow = flow.and_then(*(said("user" if number % 2 else "assistant") for number in range(300)))
    before = the(flow.state).entries
    after = the(flow.and_then(said()).state).entries
    assert count(after) == count(before) + 1
    assert all(old is new for old, new in zip(before[:-1], after[:-1], strict=True))
    assert len(the(flow.state).window) == 1
