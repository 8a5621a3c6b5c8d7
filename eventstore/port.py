"""What an event store is, whatever it keeps its events in. One contract suite holds every one to it."""

from asyncio import Future
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, Self

from .merkle import Frontier
from .records import Draft, Record


class Appender(Protocol):
    """What takes batches."""

    def append(
        self, batch: Sequence[Draft], *, expected: int, durable: bool, command: str | None = None
    ) -> "Future[int]":
        """Give the batch its positions now; the future has its last one when it is committed, all of it.

        As `Journal.append`, whose promises are the contract.
        """
        ...

    def taken(self, command: str) -> tuple[int, int] | None:
        """First and last position of what has this id, committed or about to be; None when nothing has."""
        ...


class EventReader(Protocol):
    """A view of what is committed. Never sees a part of a batch, and nothing before its commit."""

    #: 16 bytes; with a position it names an event everywhere.
    journal_id: bytes

    def head(self) -> int:
        """Last position; 0 when there is none."""
        ...

    def read(
        self,
        after: int = 0,
        until: int | None = None,
        *,
        types: Iterable[str] | None = None,
        subject: str | None = None,
        correlation: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """The events after a position, up to and including another, in order; none later than now."""
        ...

    def get(self, position: int) -> Record | None:
        """The event at a position; None when there is none."""
        ...

    def last(self, subject: str) -> Record | None:
        """The last event of a subject; None when it has none."""
        ...

    def leaf(self, position: int) -> bytes | None:
        """The leaf at a position; None when there is none."""
        ...

    def leaves(self, after: int = 0, until: int | None = None) -> Iterator[bytes]:
        """The leaves after a position, up to and including another, in order."""
        ...

    def subjects(self, prefix: str = "") -> list[str]:
        """The subjects that begin with the prefix, sorted."""
        ...

    def position_at(self, time_ns: int) -> int:
        """The last position whose time is not after this one (UTC nanoseconds); 0 when there is none."""
        ...

    def close(self) -> None:
        """Let go. Calling it twice is calling it once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class EventStore(Appender, Protocol):
    """Something that keeps events for ever, in one order, owned by one process."""

    #: 16 bytes; with a position it names an event everywhere.
    journal_id: bytes

    @property
    def head(self) -> int:
        """Last position given out, committed or about to be; 0 when there is none."""
        ...

    @property
    def at(self) -> int:
        """Time of the event at the head, UTC nanoseconds; 0 when there is none."""
        ...

    @property
    def committed(self) -> int:
        """Last position that readers see and no kill takes away."""
        ...

    @property
    def hardened(self) -> int:
        """Last position that no power cut takes away."""
        ...

    def append_now(self, batch: Sequence[Draft], *, expected: int, command: str | None = None) -> int:
        """Commit the batch, after all that waits, durably; return its last position."""
        ...

    def listen(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back after every commit, with its last position; returns what ends it."""
        ...

    def before_close(self, callback: Callable[[], None]) -> None:
        """Call back while closing, when all is committed and the store can still be written."""
        ...

    def reader(self) -> EventReader:
        """A view of this store."""
        ...

    def tree(self) -> Frontier:
        """The tree over all that is committed; a copy."""
        ...

    def write_checkpoint(self, size: int, note: str) -> None:
        """Keep a signed note on the tree over the first `size` positions."""
        ...

    def redact(self, position: int, by: int) -> None:
        """Take the data out of an event, for ever; `by` is the position of the event that says why."""
        ...

    def close(self) -> None:
        """Commit what waits and let go; a second call does nothing."""
        ...

    def abandon(self) -> None:
        """Let go as a kill would: what waits is not committed and never answered."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
