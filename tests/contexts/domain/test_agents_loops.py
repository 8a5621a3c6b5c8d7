"""An agent that works through many calls on one message of its user: what must stay, and what may go."""

import pytest

from bursar.domain.contexts.events import (
    ContextCompressed,
    ContextCompressionStarted,
    ContextPruned,
    MessageRefused,
    OptimizationRefused,
)
from bursar.domain.contexts.least import least_tokens
from bursar.domain.contexts.structure import problems, protected
from bursar.domain.contexts.summaries import covered
from bursar.domain.contexts.values import Genre, Span
from bursar.testing.specification import Given, Happening, decided

from .checks import broken
from .support import begun, compress, opened, prune, said, summed_up, talked, the, window

CALLS = 60


def _working(calls: int, first: int, tokens: int = 10) -> Happening:
    """Calls with a result each; the first call's ordinal is `first`."""
    return tuple(
        message
        for number in range(calls)
        for message in (
            said("assistant", tokens, calls=1),
            said("tool", tokens, answers=first + 2 * number),
        )
    )


def _loop(genre: Genre = "agent", **changes: object) -> Given:
    """A system message, the task, and sixty calls: 1220 tokens, of which 1000 may be sent."""
    flow = begun(terms={"genre": genre, "window_tokens": 1220}, **changes)
    worked = flow.and_then(said("system"), said("user"), _working(CALLS, 2))
    return worked.and_then(opened(genre=genre))


def _is_sound(before: Given, after: Given) -> None:
    context = the(after.state)
    assert problems(context.entries, context.window) == ()
    assert broken(the(before.state), context) == []


def test_the_task_stays_and_the_newest_call_with_its_results() -> None:
    assert protected(the(_loop().state), 0) == {0, 1, 120, 121}
    assert protected(the(_loop("dialogue").state), 0) == frozenset(range(122))
    assert protected(the(_loop().and_then(said("user"), said("assistant")).state), 0) == {0, 122, 123}


@pytest.mark.parametrize("target", [40, 70, 300, 1000])
def test_it_is_pruned_to_any_target_that_these_leave_room_for(target: int) -> None:
    flow = _loop()
    after = flow.when(prune(target)).then(decided(ContextPruned))
    assert the(after.state).tokens <= target
    assert {0, 1, 120, 121} <= frozenset(window(after))
    _is_sound(flow, after)
    again = after.when(prune(39)).then(decided(OptimizationRefused))
    assert window(again) == window(after)


def test_its_summary_stands_between_the_task_and_the_newest_calls() -> None:
    flow = _loop()
    asked = flow.when(compress(target_tokens=300, keep_last=1)).then(
        decided(ContextCompressionStarted, replacing=(Span(2, 97),), max_tokens=40)
    )
    after = asked.when(summed_up(40)).then(decided(ContextCompressed, removed_messages=96))
    assert window(after) == [0, 1, 122, *range(98, 122)]
    assert the(after.state).tokens <= 300
    _is_sound(flow, after)


def test_it_is_compressed_again_and_again() -> None:
    flow = _loop().and_then(compress(target_tokens=300), summed_up(40))
    for _ in range(3):
        first = sum(len(block) for block in the(flow.state).entries)
        flow = flow.and_then(_working(20, first))
        before = flow
        flow = flow.and_then(compress(target_tokens=300), summed_up(40))
        _is_sound(before, flow)
        assert the(flow.state).tokens <= 300
    [summary] = [ordinal for ordinal in window(flow) if ordinal in the(flow.state).covers]
    assert window(flow)[:3] == [0, 1, summary]
    assert covered(the(flow.state), summary)[0].first == 2


def test_a_dialogue_keeps_the_users_last_turn_all_the_same() -> None:
    flow = _loop("dialogue")
    flow.when(prune(1000)).then(decided(OptimizationRefused, what="prune"))
    flow.when(compress(target_tokens=1000)).then(decided(OptimizationRefused, what="compress"))


def test_a_window_over_its_limit_gives_up_some_of_its_last_messages_for_a_summary() -> None:
    """Of twelve messages at the end that are to stay whole, nothing would be older."""
    changes = {"automatic": "extractive", "keep_last": 12, "summary_tokens": 100}
    flow = begun(terms={"genre": "agent"}, **changes).and_then(said("user"), _working(5, 1, 95))
    assert the(flow.state).tokens == 960
    flow.and_then(said("assistant", 30, calls=1)).when(said("tool", 20, answers=11)).then(
        decided(ContextCompressionStarted, replacing=(Span(1, 6),), rule="compress.due")
    )
    calm = begun(terms={"genre": "agent"}, **changes).and_then(said("user"), _working(4, 1, 95))
    calm.when(said("assistant", 100)).then_nothing()


@pytest.mark.parametrize("genre", ["agent", "dialogue", "document"])
def test_a_call_stays_until_its_results_have_come(genre: Genre) -> None:
    """The user spoke meanwhile; when he speaks again nobody waits any more."""
    flow = begun(terms={"genre": genre}).and_then(
        talked(3), said("assistant", calls=2), said("tool", answers=6), said("user"), said("assistant")
    )
    scores = (9, 9, 9, 9, 9, 9, 0, 0, 0, 0)
    after = flow.when(prune(50, scores, keep_last=0)).then(decided(ContextPruned))
    assert {6, 7} <= frozenset(window(after))
    _is_sound(flow, after)
    result = after.when(said("tool", answers=6)).then_nothing()
    _is_sound(after, result)
    gone = flow.and_then(said("user"), said("assistant"), prune(20))
    assert window(gone) == [10, 11]
    gone.when(said("tool", answers=6)).then(decided(MessageRefused, code="INVALID_MESSAGE"))


def test_only_what_can_never_be_sent_is_too_large() -> None:
    flow = _loop()
    assert least_tokens(the(flow.state), 10**9) == 40
    flow.when(said("user", 980)).then_nothing()
    flow.when(said("user", 991)).then(decided(MessageRefused, code="CONTEXT_TOO_LARGE"))
    asked = flow.and_then(said("assistant", calls=1))
    asked.when(said("tool", 970, answers=122)).then_nothing()
    asked.when(said("tool", 971, answers=122)).then(decided(MessageRefused, code="CONTEXT_TOO_LARGE"))
    talk = _loop("dialogue").and_then(said("assistant", calls=1))
    talk.when(said("tool", 10, answers=122)).then(decided(MessageRefused, code="CONTEXT_TOO_LARGE"))


def test_a_call_that_waits_counts_for_what_can_never_be_sent() -> None:
    for genre in ("agent", "dialogue"):
        flow = begun(terms={"genre": genre}).and_then(
            talked(1), said("assistant", 500, calls=2), said("tool", 300, answers=2)
        )
        flow.when(said("user", 200)).then_nothing()
        flow.when(said("user", 201)).then(decided(MessageRefused, code="CONTEXT_TOO_LARGE"))
