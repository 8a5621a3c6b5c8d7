"""Who must leave: one complete set of victims, the cheapest that is enough, with the reasons for it."""

from typing import get_args

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from bursar.domain.models import eviction
from bursar.domain.models.events import (
    EvictionPlanned,
    ModelDrainStarted,
    ModelLoadStarted,
    ModelUnloadStarted,
)
from bursar.domain.models.eviction import Policy
from bursar.domain.reasons import Candidate, Exclusion
from bursar.domain.requests.events import LeaseGranted, RequestQueued
from bursar.domain.settings import Eviction, Limits, Settings
from bursar.testing.facts import (
    arrived,
    described,
    finished,
    loaded,
    resident,
    running,
    unloaded,
)
from bursar.testing.specification import Happening, after, decided, given

_POLICIES: tuple[Policy, ...] = get_args(Policy)


def candidate(model: str, *score: int, ram: int = 100) -> Candidate:
    """One that frees a slot and some memory."""
    return Candidate(model=model, score=score or (0,), frees={"models": 1, "ram": ram}, figures={})


def used(model: str, times: int = 1, *, size: int = 100, load_ms: int = 1_000) -> Happening:
    """A model that was loaded and served so many requests, a minute apart."""
    first = (described(model, size), arrived(model), loaded(model, load_ms=load_ms), finished(model))
    return (*first, *((after(60_000), arrived(model), finished(model)) * (times - 1)))


# --- a plan -------------------------------------------------------------------------------------------------


def test_a_model_that_does_not_fit_displaces_one_that_nobody_uses() -> None:
    """All of it in one step: the plan, the drain and, as nobody holds the victim, the unload."""
    flow = given(running(max_models_loaded=1), resident("a"), described("b"))
    step = flow.when(arrived("b", "ann"))
    plan = step.of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    position = next(event.position for event in step.step.decisions if event.body is plan)
    step.then(
        decided(
            EvictionPlanned,
            model="b",
            request=flow.state.position + 1,
            need={"models": 1, "ram": 100},
            shortfall={"models": 1},
            victims=("a",),
            rule="eviction.hybrid",
        ),
        decided(ModelDrainStarted, model="a", motive="evicted", plan=position, leases=0, rule="plan.victim"),
        decided(ModelUnloadStarted, model="a", motive="evicted", plan=position, rule="unload.drained"),
        decided(RequestQueued, rule="queue.plan"),
    )
    step.given.when(unloaded("a")).then(
        decided(ModelLoadStarted, model="b", need={"models": 1, "ram": 100}, rule="plan.ready")
    )


def test_all_victims_are_named_in_one_plan() -> None:
    """One at a time would mean to begin before it is known that it ends well."""
    flow = given(
        *(running(memory_bytes=300, max_models_loaded=9),),
        *(resident("a"), resident("b"), resident("c"), described("big", 250)),
    )
    flow.when(arrived("big")).then(
        decided(EvictionPlanned, shortfall={"ram": 250}, victims=("a", "b", "c")),
        *(ModelDrainStarted,) * 3,
        *(ModelUnloadStarted,) * 3,
        RequestQueued,
    )


def test_the_load_begins_when_the_last_victim_has_left() -> None:
    flow = given(
        running(memory_bytes=200), resident("a"), resident("b"), described("big", 200), arrived("big")
    )
    half = flow.when(unloaded("a")).then_nothing()
    half.when(unloaded("b")).then(decided(ModelLoadStarted, model="big"))


def test_no_more_leave_than_must() -> None:
    flow = given(running(memory_bytes=300), resident("a", 50), resident("b", 200), described("c", 200))
    plan = flow.when(arrived("c")).of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert plan.victims == ("b",)


def test_nobody_leaves_when_the_leaving_make_room_enough() -> None:
    flow = given(running(memory_bytes=300), resident("a", 200), resident("c", 100), described("b", 100))
    leaving = flow.and_then(arrived("b"), described("d", 100))
    leaving.when(arrived("d")).then(
        decided(EvictionPlanned, model="d", shortfall={}, victims=(), rule="admission.fits"), RequestQueued
    )


def test_the_plan_tells_who_could_have_left_who_could_not_and_by_how_much_the_next_was_worse() -> None:
    flow = given(
        running(Settings(pins=("pinned",)), max_models_loaded=5, memory_bytes=500),
        *(resident("pinned"), resident("leased"), resident("cold"), used("warm", 3)),
        *(arrived("leased"), described("new", 200)),
    )
    plan = flow.when(arrived("new")).of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert plan.victims == ("cold",)
    assert plan.reason.excluded == (
        Exclusion(model="pinned", because="pinned"),
        Exclusion(model="leased", because="leases=1"),
    )
    cold, warm = plan.reason.candidates
    assert (cold.model, cold.score, cold.frees) == ("cold", (0,), {"models": 1, "ram": 100})
    assert cold.figures == {
        "load_ms": 500,
        "idle_ms": 120_000,
        "requests": 0,
        "leases": 0,
        "requests_per_day": 0,
    }
    assert (warm.model, warm.figures["requests"], warm.figures["load_ms"]) == ("warm", 3, 1_000)
    assert plan.reason.margin == warm.score[0] > 0
    assert set(plan.reason.evidence) == {"settings"}


def test_a_model_that_somebody_waits_for_is_no_victim() -> None:
    """`a` serves one at a time; while the second waits, `b` may not have its room even between the two."""
    flow = given(running(max_models_loaded=1), resident("a"), arrived("a"), described("b"), arrived("b"))
    flow.and_then(arrived("a", "second")).when(finished("a")).then(
        decided(LeaseGranted, model="a", rule="lease.grant")
    )


# --- policies -----------------------------------------------------------------------------------------------


def _victims(
    policy: Policy, *happened: Happening, priorities: dict[str, int] | None = None
) -> tuple[str, ...]:
    settings = Settings(
        limits=Limits(max_models_loaded=2), eviction=Eviction(policy=policy), priorities=priorities or {}
    )
    plan = given(running(settings), *happened, described("new")).when(arrived("new")).of(EvictionPlanned)
    assert isinstance(plan, EvictionPlanned)
    assert plan.reason.rule == f"eviction.{policy}"
    return plan.victims


def test_hybrid_keeps_what_would_cost_most_to_miss() -> None:
    """Both take as long to load; `often` was wanted again after the other had been."""
    again = (arrived("often"), finished("often"))
    assert _victims("hybrid", used("often"), used("once"), after(60_000), *again) == ("once",)


def test_hybrid_makes_little_of_requests_in_a_row() -> None:
    """Nobody else was asked for in between, so not having `row` would have cost one load, as with `once`."""
    assert _victims("hybrid", used("row", 4), after(240_000), used("once")) == ("row",)


def test_hybrid_keeps_what_takes_long_to_load() -> None:
    assert _victims("hybrid", used("slow", load_ms=60_000), used("quick", load_ms=100)) == ("quick",)


def test_hybrid_forgets_a_burst_within_hours() -> None:
    day = 86_400_000
    assert _victims("hybrid", used("burst", 9), after(day), used("today", 3)) == ("burst",)


def test_lru_lets_the_one_leave_that_was_used_longest_ago() -> None:
    assert _victims("lru", used("often", 9), after(1_000), used("once")) == ("often",)


def test_lfu_lets_the_one_leave_that_was_asked_for_least() -> None:
    assert _victims("lfu", used("often", 9), after(1_000), used("once")) == ("once",)


def test_lfu_decides_between_equals_by_last_use() -> None:
    assert _victims("lfu", used("early"), after(1_000), used("late")) == ("early",)


def test_priority_lets_the_least_important_leave_whoever_was_used() -> None:
    priorities = {"important": 5, "other": 1}
    assert _victims("priority", used("important"), after(1_000), used("other"), priorities=priorities) == (
        "other",
    )


def test_priority_decides_between_equals_by_last_use() -> None:
    assert _victims("priority", used("early"), after(1_000), used("late")) == ("early",)


# --- choosing, as a function --------------------------------------------------------------------------------


def test_hybrid_takes_the_set_that_costs_least_in_sum() -> None:
    """Two cheap ones are better than one that costs more than both."""
    pool = [candidate("a", 5), candidate("b", 6), candidate("big", 20, ram=200)]
    assert eviction.choose("hybrid", pool, {"ram": 200}) == ("a", "b")
    assert eviction.margin("hybrid", pool, {"ram": 200}) == 20 - 11


def test_hybrid_takes_one_when_two_cost_more() -> None:
    pool = [candidate("a", 5), candidate("b", 6), candidate("big", 10, ram=200)]
    assert eviction.choose("hybrid", pool, {"ram": 200}) == ("big",)


def test_among_sets_of_equal_cost_the_smaller_one_leaves_and_then_the_first_by_name() -> None:
    pool = [candidate("d"), candidate("c"), candidate("big", ram=200)]
    assert eviction.choose("hybrid", pool, {"ram": 200}) == ("big",)
    assert eviction.choose("hybrid", pool, {"ram": 100}) == ("big",)
    assert eviction.choose("hybrid", pool[:2], {"ram": 100}) == ("c",)


def test_an_ordering_policy_spares_whom_it_took_without_need() -> None:
    pool = [candidate("small", 1, ram=10), candidate("enough", 2)]
    assert eviction.choose("lru", pool, {"ram": 100}) == ("enough",)


def test_the_margin_of_an_ordering_policy_is_how_much_later_the_next_set_would_reach_in_its_order() -> None:
    pool = [candidate("a", 1), candidate("b", 4), candidate("c", 9)]
    assert eviction.margin("lru", pool, {"ram": 100}) == 3
    assert eviction.margin("lru", pool, {"ram": 200}) is None


@pytest.mark.parametrize("policy", _POLICIES)
def test_nobody_is_chosen_when_all_together_are_not_enough(policy: Policy) -> None:
    assert eviction.choose(policy, [candidate("a"), candidate("b")], {"ram": 201}) is None
    assert eviction.margin(policy, [candidate("a"), candidate("b")], {"ram": 201}) is None


@pytest.mark.parametrize("policy", _POLICIES)
def test_every_resource_that_is_short_counts(policy: Policy) -> None:
    pool = [candidate("a", 1, ram=200), candidate("b", 2, ram=0)]
    assert eviction.choose(policy, pool, {"models": 2, "ram": 200}) == ("a", "b")


@st.composite
def _pools(draw: st.DrawFn, *, most: int = 10) -> list[Candidate]:
    return [
        Candidate(
            model=f"m{n}",
            score=(draw(st.integers(0, 9)),),
            frees={"ram": draw(st.integers(0, 5)), "models": draw(st.integers(0, 1))},
            figures={},
        )
        for n in range(draw(st.integers(1, most)))
    ]


_shortfalls = st.fixed_dictionaries({}, optional={"ram": st.integers(1, 12), "models": st.integers(1, 3)})


@for_all(st.sampled_from(_POLICIES), _pools(), _shortfalls.filter(bool))
def test_the_chosen_are_enough_nobody_is_chosen_without_need_and_the_order_of_the_pool_does_not_matter(
    policy: Policy, pool: list[Candidate], shortfall: dict[str, int]
) -> None:
    chosen = eviction.choose(policy, pool, shortfall)
    assert eviction.choose(policy, pool[::-1], shortfall) == chosen
    assert (chosen is None) == (not eviction.covers(pool, shortfall))
    if chosen is None:
        return
    victims = [one for one in pool if one.model in chosen]
    assert eviction.covers(victims, shortfall)
    for victim in victims:
        assert not eviction.covers([other for other in victims if other is not victim], shortfall)
    margin = eviction.margin(policy, pool, shortfall)
    assert margin is None or margin >= 0


@for_all(_pools(most=8), _shortfalls.filter(bool))
def test_hybrid_finds_the_cheapest_set_of_all(pool: list[Candidate], shortfall: dict[str, int]) -> None:
    """Compared with trying every subset."""
    chosen = eviction.choose("hybrid", pool, shortfall)
    subsets = ([one for n, one in enumerate(pool) if mask >> n & 1] for mask in range(1 << len(pool)))
    costs = [eviction.weight("hybrid", subset) for subset in subsets if eviction.covers(subset, shortfall)]
    if chosen is None:
        assert not costs
    else:
        assert eviction.weight("hybrid", [one for one in pool if one.model in chosen]) == min(costs)
