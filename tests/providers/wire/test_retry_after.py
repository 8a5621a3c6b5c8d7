"""When to come again, as a provider says it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.providers.wire.retry_after import retry_after_ms

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7000),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1500),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30_000),
        # Another zone, none at all, and the older ways to write a date.
        ({"retry-after": "Sat, 21 Nov 2026 13:00:30 +0100"}, 30_000),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30"}, 30_000),
        ({"retry-after": "Saturday, 21-Nov-26 12:00:30 GMT"}, 30_000),
        # What is past is over.
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0),
        # OpenAI says it more exactly beside.
        ({"retry-after-ms": "250", "retry-after": "1"}, 250),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1000),
        # When all of an allowance is there again is not when the next request is let in.
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, None),
        # A clock that is wrong, and what is no time.
        ({"retry-after": "999999999"}, DAY_MS),
        ({"retry-after": "Sat, 21 Nov 2099 12:00:00 GMT"}, DAY_MS),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_it_is_said_in_seconds_or_as_a_date_or_not_at_all(headers: dict[str, str], wait: int | None) -> None:
    assert retry_after_ms(headers, NOW) == wait


@given(st.integers(0, DAY_MS // 1000))
def test_seconds_and_dates_say_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_ms({"retry-after": str(seconds)}, NOW) == seconds * 1000
    assert retry_after_ms({"retry-after": date}, NOW) == seconds * 1000


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,9} \d+:\d+:\d+ [+-]?\w{0,6}"))
def test_whatever_is_said_is_a_wait_of_at_most_a_day_or_none(text: str) -> None:
    wait = retry_after_ms({"retry-after": text}, NOW)
    assert wait is None or 0 <= wait <= DAY_MS
