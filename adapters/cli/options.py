"""Options and arguments that several commands share."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from ...domain.errors import NoSuchPosition
from ...eventstore.reader import Reader
from .quick import DEFAULT, VARIABLE

Command = TypeVar("Command", bound=Callable[..., Any])

#: How a moment can be written, for help texts.
MOMENT = (
    "POSITION|TIME is a position, a time in UTC unless it names a zone (2026-10-01T14:02, or 14:02:11 for "
    "today), how long ago (90s, 5m, 2h, 3d), or head."
)

#: The last event of all.
HEAD = ("head", "now")

_AGO = re.compile(r"-?(\d{1,9})\s*(s|m|min|h|d)(\s+ago)?")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")

journal_option = click.option(
    "--journal",
    metavar="PATH",
    envvar=VARIABLE,
    default=DEFAULT,
    show_default=True,
    show_envvar=True,
    help="The journal to read.",
)


def reading(command: Command) -> Command:
    """The options that every reading command has: `--journal` and `--json`."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON and nothing else.")
    return journal_option(as_json(command))


def position_of(reader: Reader, moment: str) -> int:
    """The position that a moment means: the last event that is not after it.

    Raises `click.BadParameter`, and NoSuchPosition for a position that the journal has not come to.
    """
    if moment.isdecimal():
        head = reader.head()
        if int(moment) > head:
            raise NoSuchPosition(position=moment, head=head)
        return int(moment)
    if moment in HEAD:
        return reader.head()
    return reader.position_at(time_of(moment, time.time_ns()))


def position_before(reader: Reader, since: str | None) -> int:
    """The position behind which `since` begins: what stands there, or happened just then, is included."""
    if since is None:
        return 0
    if since.isdecimal():
        return max(0, int(since) - 1)
    if since in HEAD:
        return max(0, reader.head() - 1)
    return reader.position_at(time_of(since, time.time_ns()) - 1)


def time_of(moment: str, now: int) -> int:
    """UTC nanoseconds of a time, or of how long ago. Raises `click.BadParameter`."""
    ago = _AGO.fullmatch(moment)
    if ago:
        return now - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000_000
    today = datetime.fromtimestamp(now / 1e9, UTC).date().isoformat()
    text = f"{today}T{moment.zfill(5)}" if _CLOCK.fullmatch(moment) else moment
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        whole = int(found.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{moment!r} is no moment. {MOMENT}") from None
    return whole * 1_000_000_000 + found.microsecond * 1000
