"""Decay and demand in integers, compared with what floating point makes of the same formulas."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.fixed import ONE, decay
from bursar.domain.models.demand import (
    FAST_MS,
    SLOW_MS,
    Demand,
    loss_us_per_hour,
    rate_per_day,
    requested,
)

taus = st.sampled_from((1, 2, 1_000, FAST_MS, SLOW_MS))
times = st.integers(0, 10**9)


@given(st.integers(1, 1 << 60), times, taus)
def test_decay_is_the_exponential_rounded_down(value: int, elapsed_ms: int, tau_ms: int) -> None:
    """As far as a float can tell, which has 53 bits."""
    exact = value * math.exp(-elapsed_ms / tau_ms)
    assert decay(value, elapsed_ms, tau_ms) == pytest.approx(exact, rel=1e-13, abs=1)


@given(st.integers(0, 1 << 60), times, times, taus)
def test_what_has_decayed_for_longer_is_less(value: int, one_ms: int, more_ms: int, tau_ms: int) -> None:
    assert decay(value, one_ms + more_ms, tau_ms) <= decay(value, one_ms, tau_ms) <= value


@given(st.integers(0, 1 << 60), times, times, taus)
def test_decaying_in_two_steps_is_decaying_in_one(value: int, one_ms: int, more_ms: int, tau_ms: int) -> None:
    """But for rounding down once more."""
    twice = decay(decay(value, one_ms, tau_ms), more_ms, tau_ms)
    assert abs(twice - decay(value, one_ms + more_ms, tau_ms)) <= 16


def test_nothing_decays_before_its_time_and_after_decades_nothing_is_left() -> None:
    assert decay(7, 0, FAST_MS) == 7
    assert decay(7, -1, FAST_MS) == 7
    assert decay(0, 10, FAST_MS) == 0
    assert decay(ONE, 1 << 40, SLOW_MS) == 0


def test_decay_is_the_same_on_every_machine() -> None:
    """To the last bit: these were computed with 70 decimal digits."""
    assert decay(ONE, FAST_MS, FAST_MS) == 1_580_030_168
    assert decay(ONE << 20, 1, FAST_MS) == 4_503_592_121_377_372
    assert decay(ONE, 12_345, SLOW_MS) == 4_293_740_124


def _demand(moments_ms: list[int]) -> Demand:
    demand = Demand()
    for moment in moments_ms:
        demand = requested(demand, moment)
    return demand


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=30).map(sorted), st.integers(0, 10**8))
def test_the_expected_rate_is_half_of_each_decayed_count(moments_ms: list[int], later_ms: int) -> None:
    now = moments_ms[-1] + later_ms
    demand = _demand(moments_ms)

    def per_day(tau_ms: int) -> float:
        return sum(math.exp(-(now - moment) / tau_ms) for moment in moments_ms) * 86_400_000 / tau_ms

    expected = (per_day(FAST_MS) + per_day(SLOW_MS)) / 2
    assert rate_per_day(demand, now) / ONE == pytest.approx(expected, rel=1e-6, abs=1e-5)
    assert demand.count == len(moments_ms)


def test_a_model_that_was_never_wanted_costs_nothing_to_miss() -> None:
    assert loss_us_per_hour(Demand(), 60_000, 10**12) == 0


def test_what_takes_twice_as_long_to_load_costs_twice_as_much_to_miss() -> None:
    demand = _demand([1_000, 2_000, 3_000])
    once = loss_us_per_hour(demand, 1_000, 4_000)
    assert loss_us_per_hour(demand, 2_000, 4_000) == pytest.approx(2 * once, abs=2)


def test_a_burst_counts_for_minutes_and_a_habit_for_hours() -> None:
    hour_ms = 3_600_000
    burst = _demand([10 * hour_ms] * 5)
    habit = _demand([hour * hour_ms for hour in range(1, 10)])
    soon, late = 10 * hour_ms + 1_000, 13 * hour_ms
    assert rate_per_day(burst, soon) > rate_per_day(habit, soon)
    assert rate_per_day(burst, late) < rate_per_day(habit, late)
