"""An event store that is gone with the process: for tests, and for what need not be kept."""

import asyncio
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from ..domain.errors import BursarError, CommandConflict, HeadMoved, JournalUnusable
from .merkle import Frontier
from .records import Draft, Record
from .sealing import Queue, Sealer, fingerprint

_PATH = "memory"


@dataclass(slots=True)
class _Kept:
    """What is committed; shared by the store and its readers."""

    records: list[Record] = field(default_factory=list[Record])
    leaves: list[bytes] = field(default_factory=list[bytes])


class MemoryStore:
    """Keeps events in lists. A commit is durable as far as anything here is."""

    def __init__(self, *, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self.journal_id = entropy(16)
        self._kept = _Kept()
        self._sealer = Sealer(0, 0, entropy)
        self._queue = Queue()
        self._frontier = Frontier()
        self._commands: dict[str, tuple[bytes, int, int]] = {}
        self._waiting: list[tuple[asyncio.Future[int], int]] = []
        self._listeners: list[Callable[[int], None]] = []
        self._closing: list[Callable[[], None]] = []
        self._failure: BursarError | None = None
        self._breaking: BursarError | None = None
        self._closed = False
        #: Signed notes by the size of their tree.
        self.notes: dict[int, str] = {}

    @property
    def head(self) -> int:
        """Last position given out."""
        return self._sealer.head

    @property
    def at(self) -> int:
        """Time of the event at the head."""
        return self._sealer.at

    @property
    def committed(self) -> int:
        """Last position that readers see."""
        return len(self._kept.records)

    @property
    def hardened(self) -> int:
        """The same."""
        return self.committed

    def append(
        self, batch: Sequence[Draft], *, expected: int, durable: bool, command: str | None = None
    ) -> "asyncio.Future[int]":
        """As `Journal.append`."""
        position = self._take(batch, expected, command)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((future, position))
        return future

    def taken(self, command: str) -> tuple[int, int] | None:
        """As `Journal.taken`."""
        if self._failure is not None:
            raise self._failure
        known = self._commands.get(command)
        return known and known[1:]

    def append_now(self, batch: Sequence[Draft], *, expected: int, command: str | None = None) -> int:
        """As `Journal.append_now`."""
        position = self._take(batch, expected, command)
        self._flush()
        return position

    def listen(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """As `Journal.listen`."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def before_close(self, callback: Callable[[], None]) -> None:
        """As `Journal.before_close`."""
        self._closing.append(callback)

    def reader(self) -> "MemoryReader":
        """A view of this store."""
        return MemoryReader(self.journal_id, self._kept)

    def tree(self) -> Frontier:
        """The tree over all that is committed; a copy."""
        return self._frontier.copy()

    def write_checkpoint(self, size: int, note: str) -> None:
        """Keep a signed note."""
        self.notes[size] = note

    def redact(self, position: int, by: int) -> None:
        """As `Journal.redact`."""
        self._flush()
        if not 0 < position <= self.committed:
            raise ValueError(f"there is no event at position {position}")
        if self._kept.records[by - 1].type != "EventRedacted" or by <= position:
            raise ValueError(f"position {by} is not the EventRedacted of position {position}")
        self._kept.records[position - 1] = self._kept.records[position - 1]._replace(data=None)

    def close(self) -> None:
        """Commit what waits and let go."""
        if not self._closed:
            self._flush()
            for callback in self._closing:
                callback()
            self._let_go()

    def abandon(self) -> None:
        """Let go as a kill would."""
        self._waiting, self._queue = [], Queue()
        self._let_go()

    def fail(self, failure: BursarError) -> None:
        """Fail the next commit, and everything from then on: as a disk that breaks does."""
        self._breaking = failure

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, batch: Sequence[Draft], expected: int, command: str | None) -> int:
        if self._failure is not None:
            raise self._failure
        if command is not None and command in self._commands:
            return self._again(batch, command)
        if expected != self.head:
            raise HeadMoved(path=_PATH, head=self.head, expected=expected)
        if not batch:
            raise ValueError("a batch has at least one event")
        position = self._sealer.admit(batch, self._queue)
        if command is not None:
            self._commands[command] = fingerprint(batch), position - len(batch) + 1, position
        return position

    def _again(self, batch: Sequence[Draft], command: str) -> int:
        sent, first, last = self._commands[command]
        if sent != fingerprint(batch):
            raise CommandConflict(path=_PATH, command=command, first=first, last=last)
        return last

    def _flush(self) -> None:
        waiting, queue = self._waiting, self._queue
        self._waiting, self._queue = [], Queue()
        self._failure = self._failure or self._breaking
        if self._failure is None and queue.drafts:
            rows, leaves = self._sealer.seal(queue.drafts)
            self._kept.records += [Record._make(row[:10]) for row in rows]
            self._kept.leaves += leaves
            self._frontier.extend(leaves)
        for future, position in waiting:
            if future.done():
                continue
            if self._failure is None:
                future.set_result(position)
            else:
                future.set_exception(self._failure)
        if self._failure is None and queue.drafts:
            for listener in tuple(self._listeners):
                listener(self.committed)

    def _let_go(self) -> None:
        self._closed = True
        self._failure = self._failure or JournalUnusable(path=_PATH, problem="it has been closed")


class MemoryReader:
    """A view of a store in memory."""

    def __init__(self, journal_id: bytes, kept: _Kept) -> None:
        self.journal_id = journal_id
        self._kept = kept

    def head(self) -> int:
        """Last position."""
        return len(self._kept.records)

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
        """As `Reader.read`."""
        last = self.head() if until is None else min(until, self.head())
        wanted = None if types is None else frozenset(types)
        found = 0
        for position in range(max(after, 0), last):
            record = self._kept.records[position]
            if limit is not None and found >= limit:
                return
            if (
                (wanted is None or record.type in wanted)
                and (subject is None or record.subject == subject)
                and (correlation is None or record.correlation == correlation)
            ):
                found += 1
                yield record

    def get(self, position: int) -> Record | None:
        """The event at a position."""
        return self._kept.records[position - 1] if 0 < position <= self.head() else None

    def last(self, subject: str) -> Record | None:
        """The last event of a subject."""
        return next((record for record in reversed(self._kept.records) if record.subject == subject), None)

    def leaf(self, position: int) -> bytes | None:
        """The leaf at a position."""
        return self._kept.leaves[position - 1] if 0 < position <= self.head() else None

    def leaves(self, after: int = 0, until: int | None = None) -> Iterator[bytes]:
        """The leaves after a position, up to and including another."""
        return iter(self._kept.leaves[max(after, 0) : self.head() if until is None else until])

    def subjects(self, prefix: str = "") -> list[str]:
        """The subjects that begin with the prefix."""
        return sorted({record.subject for record in self._kept.records if record.subject.startswith(prefix)})

    def position_at(self, time_ns: int) -> int:
        """The last position whose time is not after this one."""
        return bisect_right(self._kept.records, time_ns, key=lambda record: record.at)

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
