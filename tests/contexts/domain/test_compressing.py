"""Older messages are replaced by a summary: when it is due, and only while it stands for what is there."""

from bursar.domain.contexts import keeping as k
from bursar.domain.contexts.events import (
    CompressionDiscarded,
    CompressionFailed,
    ContextCompressed,
    ContextCompressionStarted,
    OptimizationRefused,
)
from bursar.domain.contexts.machine import ContextState
from bursar.domain.contexts.summaries import covered
from bursar.domain.contexts.values import Span
from bursar.testing.facts import described, started
from bursar.testing.specification import decided

from .support import MODEL, NAME, begun, compress, pinned, prune, said, summed_up, talked, the, wanted, window

#: 800 tokens of the 1000 there are: the next message reaches 85 %.
_NEARLY_FULL = talked(8, 50)


def test_little_room_begins_a_compression() -> None:
    """The oldest messages go, and no more of them than it takes to come to 60 %."""
    flow = begun(automatic="extractive").and_then(_NEARLY_FULL)
    flow.when(said("user", 50)).then(
        decided(
            ContextCompressionStarted,
            replacing=(Span(0, 5),),
            max_tokens=40,
            method="extractive",
            rule="compress.due",
        )
    )


def test_nothing_begins_where_it_is_off_or_begun_already() -> None:
    begun().and_then(_NEARLY_FULL).when(said("user", 50)).then_nothing()
    flow = begun(automatic="extractive").and_then(_NEARLY_FULL, said("user", 50))
    flow.when(said("assistant", 50)).then_nothing()


def test_a_compression_that_would_spare_little_does_not_begin() -> None:
    """Nearly all of it is pinned or the user's last turn."""
    flow = begun(automatic="extractive").and_then(said("system", 600), talked(2, 25), said("user", 100))
    flow.when(said("assistant", 100)).then_nothing()


def test_a_summary_takes_the_place_of_what_it_stands_for() -> None:
    flow = begun().and_then(described(MODEL), said("system"), talked(5), compress())
    after = flow.when(summed_up(20)).then(
        decided(
            ContextCompressed,
            summary=11,
            dropped=(Span(1, 6),),
            before_tokens=110,
            after_tokens=70,
            ratio_per_mille=1571,
            removed_messages=6,
            rule="compress.done",
        )
    )
    assert window(after) == [0, 11, 7, 8, 9, 10]
    context = the(after.state)
    assert context.state is ContextState.ACTIVE
    assert covered(context, 11) == (Span(1, 6),)
    assert context.tokens == 70


def test_what_is_pinned_stays_where_it_is() -> None:
    flow = begun().and_then(talked(5), pinned(2), compress(), summed_up())
    assert window(flow) == [10, 2, 7, 8, 9]


def test_a_summary_of_a_summary_stands_for_what_that_stood_for() -> None:
    flow = begun().and_then(talked(5), compress(), summed_up(), talked(4), compress(), summed_up())
    assert window(flow) == [19, 15, 16, 17, 18]
    assert covered(the(flow.state), 19) == (Span(0, 9), Span(11, 14))


def test_compressing_twice_never_grows() -> None:
    flow = begun().and_then(talked(5), compress(), summed_up())
    again = flow.when(compress()).then(
        decided(OptimizationRefused, what="compress", code="MEMORY_OPTIMIZATION_FAILED")
    )
    assert window(again) == window(flow)


def test_the_last_messages_are_never_compressed() -> None:
    begun(keep_last=10).and_then(talked(5)).when(compress()).then(decided(OptimizationRefused))
    flow = begun().and_then(talked(5, 20))
    flow.when(compress(keep_last=8)).then(decided(ContextCompressionStarted, replacing=(Span(0, 1),)))


def test_a_target_is_reached_or_refused_with_figures() -> None:
    flow = begun().and_then(talked(20))
    flow.when(compress(target_tokens=300)).then(
        decided(ContextCompressionStarted, replacing=(Span(0, 13),), max_tokens=40)
    )
    refused = flow.when(compress(target_tokens=40)).of(OptimizationRefused)
    assert isinstance(refused, OptimizationRefused)
    assert refused.values["cause"] == "what must stay has 40 tokens, and 40 are allowed with the summary"
    flow.when(compress(target_tokens=400)).then(decided(OptimizationRefused))


def test_a_summary_has_half_of_a_small_window_and_what_is_left_over() -> None:
    flow = begun(summary_tokens=500).and_then(talked(20, 20))
    flow.when(compress(target_tokens=400)).then(
        decided(ContextCompressionStarted, replacing=(Span(0, 29),), max_tokens=200)
    )
    flow.and_then(said("assistant", 130)).when(compress(target_tokens=400)).then(
        decided(ContextCompressionStarted, replacing=(Span(0, 36),), max_tokens=210)
    )
    flow.when(compress()).then(decided(ContextCompressionStarted, max_tokens=360))


def test_messages_that_come_meanwhile_stay() -> None:
    flow = begun().and_then(talked(5), compress(), talked(2), summed_up())
    assert window(flow) == [14, *range(6, 14)]


def test_a_summary_of_what_has_moved_on_is_discarded() -> None:
    begun_flow = begun().and_then(talked(5), compress())
    for meanwhile in (prune(80), pinned(2)):
        flow = begun_flow.and_then(meanwhile)
        flow.when(summed_up(revision=0)).then(decided(CompressionDiscarded, rule="compress.moved_on"))
    begun_flow.when(summed_up(replacing=(Span(0, 1),))).then(decided(CompressionDiscarded))
    begun_flow.when(summed_up(revision=7)).then(decided(CompressionDiscarded))


def test_a_summary_that_is_too_long_or_empty_is_discarded() -> None:
    flow = begun().and_then(talked(5), compress())
    flow.when(summed_up(30)).then(decided(ContextCompressed))
    for nothing in (summed_up(31), summed_up(30, facts=0)):
        flow.when(nothing).then(decided(CompressionDiscarded, rule="compress.no_better"))
    after = flow.when(summed_up(0)).then(decided(CompressionDiscarded))
    assert the(after.state).state is ContextState.ACTIVE
    assert window(after) == list(range(10))


def test_what_came_to_nothing_is_not_begun_at_every_message() -> None:
    flow = begun(automatic="extractive").and_then(_NEARLY_FULL, said("user", 50))
    failed = flow.and_then(CompressionFailed(context=NAME, code="SYSTEM_ERROR", cause_text="no luck"))
    again = failed.when(said("assistant", 49)).then_nothing()
    again.when(said("assistant", 1)).then(ContextCompressionStarted)


def test_what_was_summed_up_comes_back_and_the_summary_goes() -> None:
    flow = begun().and_then(said("system"), talked(5))
    compressed = flow.and_then(compress(), summed_up())
    back = compressed.and_then(wanted(*range(1, 7)))
    assert window(back) == window(flow)
    partly = compressed.and_then(wanted(3))
    assert window(partly) == [0, 11, 3, 7, 8, 9, 10]


def test_a_restart_settles_what_was_under_way() -> None:
    flow = begun().and_then(talked(5), compress())
    settled = flow.when(started()).then(
        decided(k.ContextSettled, context=NAME, was="compressing", rule="manager.started")
    )
    assert the(settled.state).state is ContextState.ACTIVE
    settled.when(summed_up()).then_nothing()
