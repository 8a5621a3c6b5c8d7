"""What was left out comes back, with what belongs to it."""

from bursar.domain.contexts import keeping as k
from bursar.domain.contexts.events import MessagesRestored, OptimizationRefused
from bursar.domain.contexts.structure import problems
from bursar.testing.specification import decided

from .support import (
    NAME,
    begun,
    cached,
    compress,
    opened,
    pinned,
    prune,
    said,
    summed_up,
    talked,
    the,
    unpacked,
    wanted,
    window,
)

_WITH_CALL = (said(), said("assistant", calls=2), said("tool", answers=1), said("tool", answers=1), talked(3))


def test_a_result_comes_back_with_its_call_and_the_user_before_it() -> None:
    flow = begun().and_then(_WITH_CALL, prune(60, (0,) * 10))
    back = flow.when(wanted(3)).then(
        decided(MessagesRestored, before_tokens=60, after_tokens=100, rule="restore.wanted")
    )
    assert window(back) == list(range(10))


def test_a_message_that_is_pinned_while_it_is_out_comes_back() -> None:
    flow = begun().and_then(talked(5), prune(60))
    assert window(flow.when(pinned(2)).then(MessagesRestored))[0] == 2
    flow.when(pinned(2, pinned=False)).then_nothing()
    flow.when(pinned(99)).then(decided(OptimizationRefused, what="pin"))


def test_what_does_not_fit_stays_out() -> None:
    flow = begun().and_then(talked(20, 30), prune(600), opened(window_tokens=610))
    flow.when(wanted(0, 1, 2)).then(decided(OptimizationRefused, what="restore", code="CONTEXT_TOO_LARGE"))


def test_what_was_never_there_or_is_there_cannot_come_back() -> None:
    flow = begun().and_then(talked(2))
    flow.when(wanted(7)).then(decided(OptimizationRefused, code="MEMORY_OPTIMIZATION_FAILED"))
    flow.when(wanted(1)).then(decided(OptimizationRefused, code="MEMORY_OPTIMIZATION_FAILED"))
    flow.when(wanted()).then(decided(OptimizationRefused, code="MEMORY_OPTIMIZATION_FAILED"))


def test_a_summary_that_was_never_used_cannot_come_back() -> None:
    flow = begun().and_then(talked(5), compress(), summed_up(0))
    flow.when(wanted(10)).then(decided(OptimizationRefused, what="restore"))


def test_damage_takes_whole_atoms_out_and_they_do_not_come_back() -> None:
    packed = begun().and_then(_WITH_CALL, k.CacheAsked(context=NAME), cached(), k.RestoreAsked(context=NAME))
    flow = packed.and_then(unpacked(2))
    assert window(flow) == [0, 4, 5, 6, 7, 8, 9]
    flow.when(wanted(1)).then(decided(OptimizationRefused, what="restore"))
    headless = packed.and_then(unpacked(0, 4))
    assert window(headless) == [6, 7, 8, 9]
    assert not problems(the(headless.state).entries, the(headless.state).window)


def test_a_pinned_summary_stays_beside_what_it_stands_for() -> None:
    flow = begun().and_then(talked(5), compress(), summed_up(), pinned(10), wanted(*range(6)))
    assert window(flow) == [10, *range(10)]
