"""Which readings of the machine are worth a row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.host.deadband import moved
from bursar.domain.models.values import DeviceReading, Reading
from bursar.domain.settings import Sampling

#: Two per cent.
SETTINGS = Sampling(dead_band_per_mille=20)


def reading(
    devices: dict[str, tuple[int, int]] | None = None, models: dict[str, int] | None = None, cpu: int = 0
) -> Reading:
    """A reading; devices as total and used."""
    return Reading(
        devices=tuple(
            DeviceReading(device=name, total_bytes=total, used_bytes=used)
            for name, (total, used) in (devices or {"ram": (1000, 500)}).items()
        ),
        cpu_per_mille=cpu,
        cores=2,
        models=models or {},
    )


def test_the_first_reading_is_always_worth_a_row() -> None:
    assert moved(None, reading(), SETTINGS)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        # A device, by its size.
        ({}, {}, False),
        ({}, {"devices": {"ram": (1000, 520)}}, False),
        ({}, {"devices": {"ram": (1000, 521)}}, True),
        ({}, {"devices": {"ram": (1000, 480)}}, False),
        ({}, {"devices": {"ram": (1000, 479)}}, True),
        # Its own size: memory was plugged in, or a virtual machine got more.
        ({}, {"devices": {"ram": (1001, 500)}}, True),
        # Devices that come, go, or are listed otherwise.
        ({}, {"devices": {"ram": (1000, 500), "gpu0": (8, 0)}}, True),
        ({"devices": {"ram": (1000, 500), "gpu0": (8, 0)}}, {}, True),
        ({"devices": {"a": (9, 1), "b": (9, 1)}}, {"devices": {"b": (9, 1), "a": (9, 1)}}, False),
        # A model, by its own size: 2 of 100 is the band, though the device has 1000.
        ({"models": {"m": 100}}, {"models": {"m": 102}}, False),
        ({"models": {"m": 100}}, {"models": {"m": 103}}, True),
        ({"models": {"m": 100}}, {"models": {"m": 97}}, True),
        # Models that come and go, even with nothing in memory yet.
        ({}, {"models": {"m": 0}}, True),
        ({"models": {"m": 0}}, {}, True),
        ({"models": {"m": 0}}, {"models": {"m": 1}}, True),
        ({"models": {"m": 0}}, {"models": {"m": 0}}, False),
        # The processors always move.
        ({"cpu": 0}, {"cpu": 1000}, False),
    ],
)
def test_it_moved_when_it_left_the_band(before: dict[str, Any], now: dict[str, Any], expected: bool) -> None:
    assert moved(reading(**before), reading(**now), SETTINGS) is expected


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2**53), max_size=4),
    st.integers(1, 1000),
    st.data(),
)
def test_models_that_did_not_move_are_within_the_band_together(
    before: dict[str, int], per_mille: int, data: st.DataObject
) -> None:
    """What the ledger may be wrong by never adds up to more than the same share of what they take."""
    now = {name: data.draw(st.integers(size * 9 // 10, size * 11 // 10)) for name, size in before.items()}
    if not moved(reading(models=before), reading(models=now), Sampling(dead_band_per_mille=per_mille)):
        drift = sum(abs(now[name] - before[name]) for name in before)
        assert drift * 1000 <= per_mille * sum(before.values())
