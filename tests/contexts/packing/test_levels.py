"""How hard is packed, and who goes when there is too much."""

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.contexts.packing import Kept, level_for, over
from bursar.domain.contexts.settings import CompressionSettings

ADAPTIVE = CompressionSettings()
SIZES, PRESSURES = st.integers(0, 1 << 40), st.integers(0, 1000)


@given(SIZES, SIZES, PRESSURES, PRESSURES)
def test_the_less_memory_and_the_longer_the_harder(size: int, more: int, pressure: int, higher: int) -> None:
    levels = [
        level_for(min(size, more), min(pressure, higher), ADAPTIVE),
        level_for(max(size, more), max(pressure, higher), ADAPTIVE),
    ]
    assert levels == sorted(levels)
    assert levels[0] >= 1 and levels[1] <= 19


def test_at_rest_six_and_under_pressure_fifteen() -> None:
    assert [level_for(1000, pressure, ADAPTIVE) for pressure in (0, 699, 700, 850, 950, 1000)] == [
        *(6, 6, 9, 12, 15, 15)
    ]
    assert level_for(1 << 20, 0, ADAPTIVE) == 7


@given(SIZES, PRESSURES, st.integers(1, 19))
def test_a_fixed_level_is_what_it_is(size: int, pressure: int, level: int) -> None:
    assert level_for(size, pressure, CompressionSettings(strategy="fixed", level=level)) == level


KEPT = st.lists(st.builds(Kept, st.text(max_size=2), st.integers(0, 50), st.integers(0, 50)), max_size=9)


@given(KEPT, st.integers(1, 200), st.none() | st.integers(1, 40))
def test_those_left_fit_and_are_young_and_nobody_goes_for_nothing(
    kept: list[Kept], max_bytes: int, max_age_ms: int | None
) -> None:
    kept = list({one.name: one for one in kept}.values())
    gone = over(kept, max_bytes=max_bytes, max_age_ms=max_age_ms, now_ms=50)
    left = [one for one in kept if one.name not in gone]
    old = [one.name for one in kept if max_age_ms is not None and 50 - one.at_ms > max_age_ms]
    assert sum(one.bytes for one in left) <= max_bytes
    assert set(old) <= set(gone)
    at = {one.name: one for one in kept}
    assert [at[name] for name in gone] == sorted(
        (at[name] for name in gone), key=lambda one: (one.at_ms, one.name)
    )
    if gone and gone[-1] not in old:
        assert sum(one.bytes for one in left) + at[gone[-1]].bytes > max_bytes
    assert all(one.at_ms >= at[name].at_ms for one in left for name in gone)
