"""A journal in memory, for tests of what stands on one."""

import asyncio
from collections.abc import Sequence

from ..domain.errors import BursarError, JournalUnusable
from ..eventstore.records import Draft


class MemoryJournal:
    """Keeps batches in a list; commits each in the turn of the loop after it was appended.

    `break_down()` makes the next commit fail, and every later append with it, as a full disk does.
    """

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.durable: list[bool] = []
        self._head = 0
        self._broken: BursarError | None = None

    def append(self, batch: Sequence[Draft], *, expected: int, durable: bool) -> "asyncio.Future[int]":
        """Append after position `expected`; raises ValueError when that is not the last one."""
        if expected != self._head:
            raise ValueError(f"the journal is at {self._head}, not at {expected}")
        self._head += len(batch)
        loop = asyncio.get_running_loop()
        committed: asyncio.Future[int] = loop.create_future()
        loop.call_soon(self._commit, tuple(batch), durable, self._head, committed)
        return committed

    def break_down(self) -> None:
        """Fail from now on."""
        self._broken = JournalUnusable(path="memory", problem="it was told to break down")

    def _commit(
        self, batch: tuple[Draft, ...], durable: bool, head: int, committed: "asyncio.Future[int]"
    ) -> None:
        if self._broken:
            committed.set_exception(self._broken)
            return
        self.drafts += batch
        self.durable.append(durable)
        committed.set_result(head)
