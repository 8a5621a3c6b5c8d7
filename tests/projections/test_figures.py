"""Figures read as a person would write them."""

import pytest

from bursar.projections.figures import ago, amounts, columns, listed, moment, size, span


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1_288_490_189, "1.2 GiB"),
        (851_443_712, "812 MiB"),
        (-3072, "-3 KiB"),
        (5 << 60, "5120 PiB"),
    ],
)
def test_sizes_have_the_unit_that_fits(amount: int, text: str) -> None:
    assert size(amount) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (7_400, "7.4 s"),
        (60_000, "1 min"),
        (412_000, "6 min 52 s"),
        (3_600_000, "1 h"),
        (3_630_000, "1 h"),
        (183_600_000, "2 d 3 h"),
        (-1_500, "-1.5 s"),
    ],
)
def test_spans_have_two_units_at_most(milliseconds: int, text: str) -> None:
    assert span(milliseconds) == text


def test_moments_are_utc_to_the_millisecond() -> None:
    assert moment(1_790_856_000_120_999_999) == "2026-10-01T12:00:00.120Z"


def test_how_long_ago_is_short() -> None:
    second = 1_000_000_000
    assert ago(0, 90 * second) == "1 min 30 s ago"
    assert ago(5 * second, 5 * second) == "now"
    assert ago(9 * second, 5 * second) == "now"


def test_amounts_name_their_resource_and_models_come_last() -> None:
    assert amounts({"models": 1, "ram": 1 << 30}) == "1 GiB of ram and 1 model"
    assert (
        amounts({"models": 1, "models of ollama": 1, "ram": 1 << 30}) == "1 GiB of ram and 1 model of ollama"
    )
    assert amounts({"models of ollama": 2}) == "2 models of ollama"
    assert amounts({}) == "nothing"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_columns_are_as_wide_as_their_widest_cell_and_the_last_is_not_padded() -> None:
    assert columns([("a", "bb", "c"), ("aaa", "b", "")], indent=2) == ["  a    bb  c", "  aaa  b"]
