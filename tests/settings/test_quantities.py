"""How numbers, sizes, times, shares and names may be written."""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.settings import names
from bursar.settings.quantities import MOST, MOST_MS, Refused, Size, Time, Whole, or_none, share

READ: dict[str, Callable[[object], Any]] = {
    "count": Whole(),
    "positive": Whole(1),
    "slots": Whole(1, 256),
    "size": Size(),
    "time": Time(),
    "time or none": or_none(Time(least_ms=1)),
    "share": share,
    "model": names.model,
    "models": names.models,
    "folder": names.folder,
}


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        # Sizes: GB is decimal, GiB is binary, and nothing means bytes.
        ("size", "14 GB", 14_000_000_000),
        ("size", "14 GiB", 14 * 1024**3),
        ("size", "512MB", 512_000_000),
        ("size", "512 mb", 512_000_000),
        ("size", " 1.5 KiB ", 1536),
        ("size", "0.1 TB", 100_000_000_000),
        ("size", "1B", 1),
        ("size", "1024", 1024),
        ("size", 1024, 1024),
        ("size", 14e9, 14_000_000_000),
        ("size", "9 PB", 9 * 10**15),
        # Times: a plain number is seconds.
        ("time", "5m", 300.0),
        ("time", "90s", 90.0),
        ("time", "1h30m", 5400.0),
        ("time", "1h 30m", 5400.0),
        ("time", "250ms", 0.25),
        ("time", "1.5 s", 1.5),
        ("time", "2d", 172_800.0),
        ("time", "1d2h3m4s5ms", 93_784.005),
        ("time", "300", 300.0),
        ("time", 300, 300.0),
        ("time", 0.1 + 0.2, 0.3),
        ("time", 0, 0.0),
        ("time or none", "none", None),
        ("time or none", None, None),
        # Shares.
        ("share", 0.8, 0.8),
        ("share", "0.8", 0.8),
        ("share", "80%", 0.8),
        ("share", "12.5 %", 0.125),
        ("share", 1, 1.0),
        ("count", 0, 0),
        ("count", "512", 512),
        ("slots", 256, 256),
        ("model", "hf.co/bartowski/Llama-3.2:Q4_K_M", "hf.co/bartowski/Llama-3.2:Q4_K_M"),
        ("models", ["b", "a"], ("b", "a")),
        ("models", [], ()),
        ("folder", "models", Path("models")),
        ("folder", Path("/srv/models"), Path("/srv/models")),
        ("folder", "~/models", Path("~/models").expanduser()),
    ],
)
def test_it_is_read(kind: str, written: object, meant: object) -> None:
    assert READ[kind](written) == meant


@pytest.mark.parametrize(
    ("kind", "written", "problem"),
    [
        ("size", -1, "is negative"),
        ("size", "-1 GB", "is negative"),
        ("size", 0, "is less than a byte"),
        ("size", "0.1 B", "is less than a byte"),
        ("size", 2**53 + 1, "is too much"),
        pytest.param("size", 10**5000, "is too much", id="more digits than can be shown"),
        ("size", "9" * 300, "is too much"),
        ("size", "10 PB", "is too much"),
        ("size", math.nan, "is not a finite number"),
        ("size", math.inf, "is not a finite number"),
        ("size", -math.inf, "is not a finite number"),
        ("size", True, "is not a size"),
        ("size", None, "is not a size"),
        ("size", ["14 GB"], "is not a size"),
        ("size", "", "is not a size"),
        ("size", "fourteen", "is not a size"),
        ("size", "NaN", "is not a size"),
        ("size", "1e9", "is not a size"),
        ("size", "14,5 GB", "is not a size"),
        ("size", "١٤ GB", "is not a size"),
        # Docker's G is binary, disk makers' is decimal.
        ("size", "14G", "has an unknown unit, G"),
        ("size", "14 XB", "has an unknown unit, XB"),
        ("time", "-5m", "is negative"),
        ("time", -0.5, "is negative"),
        ("time", "5 parsecs", "is not a time"),
        ("time", "30m1h", "is not a time"),
        ("time", "5m5m", "is not a time"),
        ("time", "", "is not a time"),
        ("time", "none", "is not a time"),
        ("time", "inf", "is not a time"),
        ("time", math.nan, "is not a finite number"),
        ("time", math.inf, "is not a finite number"),
        ("time", "0.1ms", "is less than a millisecond"),
        ("time", 10**400, "is too much"),
        ("time", "36526d", "is too much"),
        ("time or none", 0, "is less than a millisecond"),
        ("time or none", False, "is not a time"),
        ("share", 80, "is too much"),
        ("share", "101%", "is too much"),
        ("share", 0, "is less than a per-mille"),
        ("share", -0.1, "is negative"),
        ("share", math.nan, "is not a finite number"),
        ("share", "most", "is not a share"),
        ("share", None, "is not a share"),
        ("count", -1, "is less than 0"),
        ("count", "-1", "is less than 0"),
        ("positive", 0, "is less than 1"),
        ("slots", 257, "is more than 256"),
        ("count", 2.5, "is not a whole number"),
        ("count", 3.0, "is not a whole number"),
        ("count", "three", "is not a whole number"),
        ("count", True, "is not a whole number"),
        ("count", math.nan, "is not a whole number"),
        ("model", "", "is malformed"),
        ("model", " a", "is malformed"),
        ("model", "a\nb", "is malformed"),
        ("model", "a\x00", "is malformed"),
        ("model", "\udcff", "is malformed"),
        ("model", "a" * 513, "is malformed"),
        ("model", 7, "is not the id of a model"),
        ("models", "a", "is not a list"),
        ("models", {"a"}, "is not a list"),
        ("models", ["a", "b", "a"], "names a twice"),
        ("models", ["a", 1], "holds something that is not the id of a model"),
        ("models", ["a", ""], "holds something that is not the id of a model"),
        ("folder", "", "is not a path"),
        ("folder", "a\x00b", "is not a path"),
        ("folder", b"models", "is not a path"),
        ("folder", 3, "is not a path"),
    ],
)
def test_it_is_refused(kind: str, written: object, problem: str) -> None:
    with pytest.raises(Refused) as refused:
        READ[kind](written)
    assert refused.value.problem == problem


def test_what_is_refused_comes_with_what_is_allowed() -> None:
    with pytest.raises(Refused) as refused:
        or_none(Size())("much")
    allowed = 'a size such as "14 GB", "14 GiB" or "512MB", or a number of bytes, or "none"'
    assert refused.value.allowed == allowed


@given(st.integers(1, MOST))
def test_bytes_stay_as_they_are_however_often_they_are_read(size: int) -> None:
    assert Size()(size) == Size()(str(size)) == Size()(Size()(size)) == size


@given(st.integers(1, 8000), st.sampled_from(["kB", "MB", "GB", "TB", "KiB", "MiB", "GiB"]))
def test_a_unit_multiplies(count: int, unit: str) -> None:
    factor = (1024 if "i" in unit else 1000) ** ("kmgt".index(unit[0].lower()) + 1)
    assert Size()(f"{count} {unit}") == count * factor


@given(st.integers(0, MOST_MS))
def test_milliseconds_survive_as_seconds(time_ms: int) -> None:
    seconds = Time()(f"{time_ms} ms")
    assert round(seconds * 1000) == time_ms
    assert Time()(seconds) == seconds


@given(st.integers(1, 1000))
def test_per_milles_survive_as_shares(per_mille: int) -> None:
    part = share(per_mille / 1000)
    assert round(part * 1000) == per_mille
    assert share(part) == part


@given(
    st.sampled_from(sorted(READ)),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text("0123456789.-% kMGiBmshd", max_size=12)
    | st.lists(st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
def test_anything_is_read_or_refused(kind: str, written: object) -> None:
    with suppress(Refused):
        READ[kind](written)


def test_a_long_run_of_blanks_is_refused_at_once() -> None:
    """A pattern that tries all ways to share the blanks out would take minutes."""
    for read in (Size(), Time(), share):
        with pytest.raises(Refused):
            read("1" + " " * 200_000 + "x")
