"""What `/api/ps` says is in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ....domain.models.values import RAM, REMOTE
from ...http.port import Headers
from ..wire.fields import string, whole
from .names import full_name

#: The header has whole seconds, and was written a moment ago.
_CLOCKS_AGREE = timedelta(seconds=2)
#: Forever is 292 years.
_AGES = timedelta(days=100 * 365)


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in memory. Sizes in bytes."""

    name: str
    digest: str
    size: int
    #: Part of `size` on graphics cards.
    size_vram: int
    #: Window of one request; 0 where this version does not say.
    context: int
    #: Its time is over: it goes as soon as nobody uses it.
    leaving: bool
    #: Its time is never over, as that of all that we load.
    stays: bool

    def is_of(self, model: str, digest: str) -> bool:
        """Whether it is the model of that name, or has its weights under another name."""
        return full_name(self.name) == full_name(model) or (digest != "" and digest == self.digest)

    def memory(self, gpu: str | None) -> dict[str, int]:
        """Bytes by device, in the order of the devices' names. All of it is elsewhere where `gpu` is."""
        if gpu is None or gpu == REMOTE:
            return {gpu or RAM: self.size}
        parts = {gpu: min(self.size_vram, self.size), RAM: max(0, self.size - self.size_vram)}
        return {device: parts[device] for device in sorted(parts) if parts[device] or not self.size}


def read_entries(models: Iterable[dict[str, Any]], headers: Headers) -> list[Entry]:
    """The entries of the list; `headers` tell what the time is where it was made."""
    now = _now(headers)
    return [_entry(model, now) for model in models if string(model.get("name"))]


def find(entries: Iterable[Entry], model: str, digest: str) -> Entry | None:
    """The entry of a model."""
    return next((entry for entry in entries if entry.is_of(model, digest)), None)


def _entry(model: dict[str, Any], now: datetime) -> Entry:
    expires = _moment(string(model.get("expires_at")))
    return Entry(
        name=string(model["name"]),
        digest=string(model.get("digest")),
        size=whole(model.get("size")) or 0,
        size_vram=whole(model.get("size_vram")) or 0,
        context=whole(model.get("context_length")) or 0,
        leaving=expires is not None and expires <= now,
        stays=expires is not None and expires - now > _AGES,
    )


def _moment(text: str) -> datetime | None:
    """A time in RFC 3339; None for what is none, and for Go's time of nothing, the year 1."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware if aware.year > 1 else None


def _now(headers: Headers) -> datetime:
    """The time there: ours, unless its clock shows another one."""
    here = datetime.now(UTC)
    try:
        there = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return here
    if there.tzinfo is None or abs(there - here) < _CLOCKS_AGREE:
        return here
    return there
