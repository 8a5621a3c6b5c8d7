"""Messages are left out by what they matter, and never what must stay."""

from bursar.domain.contexts.events import ContextPruned, OptimizationRefused
from bursar.testing.specification import decided

from .support import NAME, begun, pinned, prune, said, talked, the, wanted, window


def test_what_matters_least_goes() -> None:
    flow = begun().and_then(talked(4))
    scores = (5, 1, 9, 2, 8, 0, 0, 0)
    after = flow.when(prune(60, scores)).then(
        decided(
            ContextPruned,
            before_messages=8,
            after_messages=6,
            removed_messages=2,
            before_tokens=80,
            after_tokens=60,
            before_bytes=800,
            after_bytes=600,
            dropped_scores=(1, 2),
            rule="prune.scores",
        )
    )
    assert window(after) == [0, 2, 4, 5, 6, 7]
    assert the(after.state).revision == 1


def test_system_and_pinned_messages_stay() -> None:
    flow = begun().and_then(said("system"), talked(5), pinned(4))
    after = flow.and_then(prune(70, (0,) * 11))
    # The answer that is pinned brings the question that it follows.
    assert window(after) == [0, 3, 4, 7, 8, 9, 10]


def test_a_call_and_its_results_stay_or_go_together() -> None:
    """Two parallel calls, whose results come late and with something in between."""
    flow = begun().and_then(
        said("user"),
        said("assistant", calls=2),
        said("tool", answers=1),
        said("assistant"),
        said("tool", answers=1),
        talked(3),
    )
    high = flow.and_then(prune(80, (1, 9, 9, 1, 8, 5, 5, 5, 5, 5, 5)))
    assert window(high) == [0, 1, 2, 4, 7, 8, 9, 10]
    low = flow.and_then(prune(80, (9, 0, 0, 9, 0, 5, 5, 5, 5, 5, 5)))
    assert window(low) == [0, 3, 5, 6, 7, 8, 9, 10]


def test_the_first_message_is_the_users() -> None:
    """An answer that matters comes with the question it follows, or not at all."""
    flow = begun().and_then(talked(6))
    scores = (0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert window(flow.and_then(prune(60, scores)))[:2] == [0, 1]
    tight = begun().and_then(said("user", 500), said("assistant"), talked(4))
    assert window(tight.and_then(prune(100, (0, 9, *(0,) * 8)))) == list(range(2, 10))


def test_the_last_user_turn_stays_whole() -> None:
    flow = begun().and_then(
        talked(5), said("user"), said("assistant", calls=1), said("tool", answers=11), said("assistant")
    )
    after = flow.and_then(prune(40, (9,) * 10 + (0,) * 4))
    assert window(after) == [10, 11, 12, 13]


def test_what_must_stay_is_more_than_is_allowed() -> None:
    flow = begun().and_then(said("system", 50), talked(4))
    refused = flow.when(prune(60)).of(OptimizationRefused)
    assert isinstance(refused, OptimizationRefused)
    assert refused.code == "MEMORY_OPTIMIZATION_FAILED"
    cause = "what must stay has 70 tokens and 700 bytes, and 60 tokens are allowed"
    assert refused.values == {"context": NAME, "what": "prune", "cause": cause}
    assert window(flow.and_then(prune(60))) == window(flow)


def test_the_last_messages_stay_if_they_fit_and_else_the_newest() -> None:
    flow = begun().and_then(talked(4), said("assistant"), said("assistant"), said("assistant"))
    worthless = (9,) * 6 + (9, 0, 0, 0, 0)
    assert window(flow.and_then(prune(50, worthless))) == [6, 7, 8, 9, 10]
    answers = begun().and_then(talked(5), said("user"))
    assert window(answers.and_then(prune(30, (9,) * 8 + (0, 0, 0), keep_last=4))) == [8, 9, 10]


def test_there_is_a_limit_of_bytes_as_well() -> None:
    flow = begun().and_then(talked(5))
    after = flow.and_then(prune(None, (0,) * 10, target_bytes=650))
    assert the(after.state).size == 600


def test_what_was_scored_before_the_window_changed_is_refused() -> None:
    flow = begun().and_then(talked(5), prune(80))
    flow.when(prune(60, revision=0)).then(
        decided(OptimizationRefused, what="prune", code="MEMORY_OPTIMIZATION_FAILED")
    )


def test_a_score_for_each_message_is_needed() -> None:
    begun().and_then(talked(5)).when(prune(60, (1, 2))).then(decided(OptimizationRefused, what="prune"))


def test_a_window_that_is_small_enough_is_left_alone() -> None:
    begun().and_then(talked(5)).when(prune(100)).then(decided(OptimizationRefused, what="prune"))
    begun().and_then(talked(5)).when(prune(None)).then(decided(OptimizationRefused, what="prune"))


def test_what_was_pruned_comes_back_as_it_was() -> None:
    flow = begun().and_then(said("system"), talked(6))
    pruned = flow.and_then(prune(80, (3,) * 13))
    dropped = [number for number in window(flow) if number not in window(pruned)]
    back = pruned.and_then(wanted(*dropped))
    assert window(back) == window(flow)
    assert the(back.state).tokens == the(flow.state).tokens
