"""What was measured corrects what is expected, and the interval holds what it says."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from bursar.domain.host.events import MemoryOvercommitted, MemoryRelieved
from bursar.domain.models.calibration import Calibration, correction, identity, learnt, pool_of
from bursar.domain.models.events import (
    EstimateExceeded,
    EvictionPlanned,
    ModelDescribed,
    ModelDrainStarted,
    ModelLoadStarted,
    ModelUnloadStarted,
    UnderreportingNoticed,
)
from bursar.domain.models.expected import expected
from bursar.domain.models.ledger import expected_memory
from bursar.domain.models.sensing import TIMES
from bursar.domain.models.values import Description
from bursar.domain.requests.events import LeaseGranted, RequestQueued
from bursar.domain.state import State
from bursar.testing.facts import (
    arrived,
    configured,
    described,
    finished,
    loaded,
    lost,
    resident,
    running,
    sensed,
    unloaded,
)
from bursar.testing.specification import Given, Happening, decided, given

GIB = 1 << 30
residuals = st.lists(st.integers(-500, 1500), min_size=1, max_size=64)


def _measured(model: str, expected: int, size: int, *, engine: str = "test") -> Happening:
    """A model of which so much was expected was loaded once, took so much, and is gone."""
    return (
        described(model, expected, engine=engine),
        arrived(model),
        loaded(model, size),
        finished(model),
        lost(model),
    )


def _of(state: State, model: str) -> Description:
    description = state.models[model].description
    assert description
    return description


def test_nothing_measured_corrects_nothing() -> None:
    assert correction(()) is None
    flow = given(running(), described("a", 100))
    found = expected(flow.state, _of(flow.state, "a"))
    assert (found.likely, found.low, found.high, found.provenance) == (100, None, None, "estimate (test)")


@pytest.mark.parametrize(
    ("seen", "likely", "low", "high"),
    [
        ([100], 50, -150, 250),  # one is believed by half, and 100 wide: one and a half of that either way
        ([-100], -50, -250, 150),
        ([100, 200], 100, -150, 350),
        ([100, 100, 100, 100], 100, -37, 137),
        (list(range(20)), 9, 0, 19),  # from twenty on, what was seen is the interval
        ([*range(39), 1000], 19, 1, 38),  # and one at either end is left out when there are forty
    ],
)
def test_the_formula_is_as_documented(seen: list[int], likely: int, low: int, high: int) -> None:
    found = correction(seen)
    assert found
    assert (found.likely, found.low, found.high, found.count) == (likely, low, high, len(seen))


@examples(residuals, st.randoms(use_true_random=False))
def test_a_correction_is_ordered_and_depends_on_no_order(seen: list[int], random: Random) -> None:
    found = correction(seen)
    shuffled = list(seen)
    random.shuffle(shuffled)
    assert found
    assert found == correction(shuffled)
    assert -900 <= found.low <= found.likely <= found.high
    assert min(0, *seen) <= found.likely <= max(0, *seen)


WORLDS: dict[str, Callable[[Random], float]] = {
    "unbiased": lambda random: random.gauss(0, 60),
    "far too low": lambda random: random.gauss(150, 50),
    "far too high": lambda random: random.gauss(-200, 80),
    "skewed": lambda random: random.expovariate(1 / 100) - 20,
    "uniform": lambda random: random.uniform(-100, 300),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("count", "least"), [(1, 600), (3, 750), (8, 850), (20, 850), (40, 850), (64, 850)])
def test_the_interval_holds_the_next_load_as_often_as_it_says(world: str, count: int, least: int) -> None:
    """Of 1000 worlds of each kind: 90 % is meant from eight on, and a world is only drawn so often."""
    random = Random(f"{world} {count}")
    held = 0
    for _ in range(1000):
        found = correction([round(WORLDS[world](random)) for _ in range(count)])
        assert found
        held += found.low <= round(WORLDS[world](random)) <= found.high
    assert held >= least


@examples(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=40))
def test_what_is_learnt_is_bounded_and_counts_every_kind_of_load_once(
    loads: list[tuple[int, bool]],
) -> None:
    description = described("a", 100).description
    calibration = Calibration()
    for size, again in loads:
        calibration = learnt(calibration, description, {"ram": size}, again=again)
    kept = calibration.measured.get(identity(description), ())
    assert len(kept) <= 5
    assert len(calibration.residuals.get(pool_of(description), {})) == bool(loads)
    for (size, _again), load in zip(reversed(loads), reversed(kept), strict=False):
        assert load["ram"] >= size
        break


def test_what_others_of_its_engine_took_corrects_a_model_that_was_never_measured() -> None:
    flow = given(running(), *(_measured(f"m{n}", 1000, 1200) for n in range(4)), described("a", 500))
    found = expected(flow.state, _of(flow.state, "a"))
    assert found.likely == 600
    assert found.provenance == "estimate (test), corrected by 4 models on test"
    assert (found.low, found.high) == (462, 637)


def test_the_upper_end_is_set_aside_for_what_was_never_measured() -> None:
    """Too little costs memory that others hold; too much, one early eviction: the first load is measured."""
    flow = given(running(), *(_measured(f"m{n}", 1000, 1200) for n in range(4)), described("a", 500))
    started = flow.when(arrived("a")).then(
        decided(ModelLoadStarted, need={"models": 1, "ram": 637}), RequestQueued
    )
    again = started.and_then(loaded("a", 590), finished("a"), lost("a"))
    again.when(arrived("a")).then(decided(ModelLoadStarted, need={"models": 1, "ram": 590}), RequestQueued)


def test_caution_alone_turns_nobody_away() -> None:
    """600 will likely do, 637 is the upper end, and there are 610: it is loaded, alone, and then measured."""
    flow = given(running(), *(_measured(f"m{n}", 1000, 1200) for n in range(4)), described("a", 500))
    tight = flow.and_then(*_memory(610))
    tight.when(arrived("a")).then(decided(ModelLoadStarted, need={"models": 1, "ram": 610}), RequestQueued)
    assert expected_memory(flow.and_then(*_memory(590)).state, _of(flow.state, "a"))[0] == {"ram": 600}


def test_a_new_version_of_an_engine_starts_from_what_its_own_models_took() -> None:
    flow = given(running(), _measured("a", 1000, 1500, engine="1.0"), described("a", 1000, engine="1.1"))
    assert expected(flow.state, _of(flow.state, "a")).likely == 1000
    flow = flow.and_then(_measured("b", 1000, 1100, engine="1.1"), described("a", 1000, engine="1.1"))
    assert expected(flow.state, _of(flow.state, "a")).likely == 1050


def test_a_measurement_that_was_too_large_once_is_forgotten_after_five_more() -> None:
    flow = given(running(), _measured("a", 100, 400))
    sizes: list[int] = []
    for _ in range(5):
        flow = flow.and_then(arrived("a"), loaded("a", 90), finished("a"), lost("a"))
        sizes.append(expected(flow.state, _of(flow.state, "a")).likely)
    assert sizes == [400, 400, 400, 400, 90]


def test_a_model_that_takes_more_than_was_set_aside_is_told_and_nobody_is_admitted_meanwhile() -> None:
    flow = given(running(memory_bytes=300), described("a", 100), described("b", 100), arrived("a"))
    step = flow.when(loaded("a", 350))
    blocked = step.then(
        decided(EstimateExceeded, model="a", expected={"ram": 100}, measured={"ram": 350}),
        decided(MemoryOvercommitted, excess={"ram": 50}),
        LeaseGranted,
    )
    waiting = blocked.when(arrived("b")).then(decided(RequestQueued, rule="admission.wait"))
    leaving = waiting.when(finished("a")).then(
        decided(EvictionPlanned, model=None, victims=("a",)),
        ModelDrainStarted,
        MemoryRelieved,
        decided(EvictionPlanned, model="b", victims=()),
        ModelUnloadStarted,
    )
    leaving.when(unloaded("a")).then(decided(ModelLoadStarted, model="b"))


def test_as_much_as_the_dead_band_more_is_not_worth_telling() -> None:
    flow = given(running(), described("a", 1000), arrived("a"))
    flow.when(loaded("a", 1020)).then(LeaseGranted)
    flow.when(loaded("a", 1021)).then(EstimateExceeded, LeaseGranted)


def _suspected(times: int, seen: int = 3 * GIB) -> Given:
    flow = given(running(), resident("a", 2 * GIB, device="gpu0"))
    return flow.and_then(*(sensed("a", seen, 2 * GIB, device="gpu0") for _ in range(times)))


def test_a_provider_that_says_too_little_several_times_in_a_row_is_corrected_from_then_on() -> None:
    flow = _suspected(TIMES - 1)
    step = flow.when(sensed("a", 3 * GIB, 2 * GIB, device="gpu0"))
    noticed = step.then(decided(UnderreportingNoticed, provider="a", engine="test", added_per_mille=500))
    assert noticed.state.models["a"].memory == {"gpu0": 3 * GIB}
    other = noticed.and_then(described("b", GIB, device="gpu0"), arrived("b"), loaded("b", GIB))
    assert other.state.models["b"].memory == {"gpu0": GIB + GIB // 2}
    for _ in range(TIMES):
        other = other.when(sensed("a", 3 * GIB, 2 * GIB, device="gpu0")).then()


def test_one_load_that_agrees_ends_the_suspicion() -> None:
    flow = _suspected(TIMES - 1).and_then(sensed("a", 2 * GIB, 2 * GIB, device="gpu0"))
    flow.when(sensed("a", 3 * GIB, 2 * GIB, device="gpu0")).then_nothing()


def test_a_little_more_is_not_suspected() -> None:
    assert _suspected(TIMES, 2 * GIB + 2 * GIB * 15 // 100).state.calibration.added == {}


def test_another_version_of_the_engine_is_not_suspected_of_what_this_one_did() -> None:
    flow = _suspected(TIMES).and_then(described("b", GIB, engine="newer"), arrived("b"), loaded("b", GIB))
    assert flow.state.models["b"].memory == {"ram": GIB}


def test_what_was_sensed_counts_where_a_provider_does_not_measure() -> None:
    flow = given(running(), described("a", 100), arrived("a"))
    fact = loaded("a")(flow.state)
    silent = fact.model_copy(update={"residency": fact.residency.model_copy(update={"memory": {}})})
    flow = flow.and_then(silent, sensed("a", 140, None))
    assert flow.state.models["a"].memory == {"ram": 140}
    assert flow.state.models["a"].provenance == "measured (test)"
    assert expected(flow.state, _of(flow.state, "a")).likely == 140


def test_main_memory_that_was_sensed_is_no_less_than_the_estimate() -> None:
    """Weights that are mapped from their file are in memory, and not in use in the eyes of the machine."""
    flow = given(running(), described("a", 100), arrived("a"))
    fact = loaded("a")(flow.state)
    silent = fact.model_copy(update={"residency": fact.residency.model_copy(update={"memory": {}})})
    assert flow.and_then(silent, sensed("a", 20, None)).state.models["a"].memory == {"ram": 100}


def test_what_somebody_else_took_meanwhile_does_not_make_a_model_too_large_for_ever() -> None:
    flow = given(running(), described("a", 100), arrived("a"))
    fact = loaded("a")(flow.state)
    silent = fact.model_copy(update={"residency": fact.residency.model_copy(update={"memory": {}})})
    flow = flow.and_then(silent, sensed("a", 90_000, None))
    assert flow.state.models["a"].memory == {"ram": 300}
    assert expected(flow.state, _of(flow.state, "a")).likely == 300


def test_a_bound_of_keys_and_values_is_not_what_was_sensed() -> None:
    """A server that tells its parameters only: once a load was seen to take less, it takes less."""
    bounded = _bounded("a", weights=100, keys_and_values=900)
    flow = given(running(), bounded, arrived("a"))
    fact = loaded("a")(flow.state)
    silent = fact.model_copy(update={"residency": fact.residency.model_copy(update={"memory": {}})})
    flow = flow.and_then(silent)
    assert flow.and_then(sensed("a", 130, None)).state.models["a"].memory == {"ram": 130}
    assert flow.and_then(sensed("a", 30, None)).state.models["a"].memory == {"ram": 130}


def test_nothing_is_learnt_for_others_from_a_model_of_which_nothing_was_known() -> None:
    """Its overhead alone was expected: the like of it would be expected to take hundreds of times as much."""
    flow = given(running(), _bounded("a", weights=0, keys_and_values=10), arrived("a"), loaded("a", 10_000))
    flow = flow.and_then(described("b", 100))
    assert expected(flow.state, _of(flow.state, "b")).memory == {"ram": 100}
    assert expected(flow.state, _of(flow.state, "a")).memory == {"ram": 10_000}


def _bounded(model: str, *, weights: int, keys_and_values: int) -> ModelDescribed:
    fact = described(model, weights)
    changes = {"overhead_bytes": keys_and_values}
    return fact.model_copy(update={"description": fact.description.model_copy(update=changes)})


def _memory(size: int) -> tuple[Happening, ...]:
    return (configured(memory_bytes=size),)
