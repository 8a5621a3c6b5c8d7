"""Entries of `/api/ps`, in every form in which they come."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bursar.adapters.providers.ollama.running import Entry, find, read_entries

#: Its clock shows another time than ours, and goes by itself.
THERE = {"date": "Thu, 01 Jan 2015 12:00:00 GMT"}


def read(expires_at: object, headers: dict[str, str] = THERE, **fields: object) -> Entry:
    (entry,) = read_entries([{"name": "small:latest", "expires_at": expires_at, **fields}], headers)
    return entry


@pytest.mark.parametrize(
    ("expires_at", "leaving", "stays"),
    [
        ("2015-01-01T12:05:00Z", False, False),
        # Go writes nanoseconds, and the offset of where it runs.
        ("2015-01-01T12:05:00.123456789Z", False, False),
        ("2015-01-01T13:05:00.123456789+01:00", False, False),
        ("2015-01-01T05:05:00.1-07:00", False, False),
        # What is past is on its way out.
        ("2015-01-01T12:00:00Z", True, False),
        ("2015-01-01T11:59:59.999999999Z", True, False),
        ("2015-01-01T13:59:00+02:00", True, False),
        # -1 is Go's longest time from now, 292 years.
        ("2307-04-12T11:47:16.854775807+01:00", False, True),
        # Go's time of nothing, as before 0.30 while a model is loading; and what is no time.
        ("0001-01-01T00:00:00Z", False, False),
        ("", False, False),
        ("soon", False, False),
        (None, False, False),
        (1420113600, False, False),
    ],
)
def test_expires_at_says_whether_it_leaves_and_whether_it_stays(
    expires_at: object, leaving: bool, stays: bool
) -> None:
    entry = read(expires_at)
    assert (entry.leaving, entry.stays) == (leaving, stays)


@pytest.mark.parametrize("headers", [{}, {"date": "soon"}, {"date": "Thu, 01 Jan 2015 12:00:00"}])
def test_without_its_clock_expires_at_goes_by_ours(headers: dict[str, str]) -> None:
    now = datetime.now(UTC)
    assert read((now - timedelta(minutes=1)).isoformat(), headers).leaving
    assert not read((now + timedelta(minutes=1)).isoformat(), headers).leaving


def test_a_clock_that_only_lacks_our_fractions_of_a_second_is_ours() -> None:
    now = datetime.now(UTC)
    said = {"date": format_datetime(now, usegmt=True)}
    # A fraction of a second after the second that its header has begun.
    assert read(now.isoformat(), said).leaving


@pytest.mark.parametrize(
    ("sizes", "memory"),
    [
        ({"size": 10, "size_vram": 10}, {"gpu0": 10}),
        ({"size": 10, "size_vram": 4}, {"gpu0": 4, "ram": 6}),
        ({"size": 10, "size_vram": 0}, {"ram": 10}),
        ({"size": 10}, {"ram": 10}),
        # More on the card than there is of it cannot be.
        ({"size": 10, "size_vram": 12}, {"gpu0": 10}),
        ({}, {"gpu0": 0, "ram": 0}),
        ({"size": -1, "size_vram": "x"}, {"gpu0": 0, "ram": 0}),
    ],
)
def test_the_share_of_main_memory_is_what_is_not_on_the_card(
    sizes: dict[str, object], memory: dict[str, int]
) -> None:
    entry = read(None, THERE, **sizes)
    assert entry.memory("gpu0") == memory
    assert sum(entry.memory(None).values()) == sum(memory.values())


def test_an_entry_is_found_by_its_name_with_or_without_a_tag_and_by_its_digest() -> None:
    small, large = read(None, digest="d1"), Entry("host:5000/large:latest", "d2", 0, 0, 0, False, False)
    for name, digest in (("small", ""), ("small:latest", "other"), ("copy", "d1")):
        assert find([large, small], name, digest) is small
    assert find([large, small], "host:5000/large", "") is large
    assert find([large, small], "small:8b", "") is None
    # No digest is nobody's.
    assert find([read(None)], "copy", "") is None


def test_what_has_no_name_is_no_entry() -> None:
    assert read_entries([{}, {"name": ""}, {"name": 7}, {"model": "small"}], {}) == []
