"""When a provider says that asking again makes sense."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ...http.port import Headers

#: Whoever says more than a day means another clock than ours.
_LONGEST_MS = 86_400_000


def retry_after_ms(headers: Headers, now: datetime) -> int | None:
    """Milliseconds to wait, or None if it is not said.

    Said in `Retry-After`, in seconds or as a date, or in OpenAI's `retry-after-ms`. A date in the past is 0.
    `now` has a time zone. `x-ratelimit-reset-*` says when all of an allowance is there again, which is later
    than the next request is let in: it is not used.
    """
    exact = _milliseconds(headers.get("retry-after-ms", ""), 1)
    if exact is not None:
        return exact
    said = headers.get("retry-after", "")
    seconds = _milliseconds(said, 1000)
    return seconds if seconds is not None else _until(said, now)


def _milliseconds(text: str, unit: int) -> int | None:
    try:
        amount = float(text) * unit
    except ValueError:
        return None
    return int(min(amount, _LONGEST_MS)) if amount >= 0 else None


def _until(text: str, now: datetime) -> int | None:
    try:
        moment = parsedate_to_datetime(text)
        left = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
    return max(0, min(left // timedelta(milliseconds=1), _LONGEST_MS))
