"""What the client asks of whatever moves the bytes; `lean.py` does it, and so does any transport of httpx."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from .failures import TimedOut, Wait
from .port import Headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request; its body, where it has one, is JSON."""

    method: str
    #: Path and query.
    target: str
    body: bytes | None


class Patience:
    """How long one exchange may wait: `idle_s` each time, `total_s` in all, from now on; None for ever."""

    __slots__ = ("deadline", "idle_s", "total_s")

    def __init__(self, idle_s: float | None, total_s: float | None) -> None:
        self.idle_s = idle_s
        self.total_s = total_s
        self.deadline = None if total_s is None else asyncio.get_running_loop().time() + total_s

    def until(self, since: float, seconds: float | None) -> float | None:
        """When a wait of `seconds` that began at `since` has to end; None for never."""
        ends = None if seconds is None else since + seconds
        if ends is None or self.deadline is None:
            return self.deadline if ends is None else ends
        return min(ends, self.deadline)

    def over(self, now: float, wait: Wait, seconds: float | None) -> TimedOut:
        """The failure of a wait that ended at `now`."""
        if seconds is None or (self.deadline is not None and now >= self.deadline):
            return TimedOut("total", self.total_s or 0.0)
        return TimedOut(wait, seconds)


class Exchange(Protocol):
    """An answer whose headers have come; their names are in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    async def piece(self) -> bytes:
        """The next bytes of its body, without the frames they came in; empty once it is complete."""
        ...

    async def end(self) -> None:
        """No more is wanted. Closes the connection unless the answer was complete."""
        ...


class Transport(Protocol):
    """Raises subclasses of `HttpFailure`, here and in the exchanges."""

    async def send(self, request: Outgoing, patience: Patience) -> Exchange:
        """Send, and return once the headers of the final answer are there."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
