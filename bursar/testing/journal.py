"""A journal in memory, for tests of what stands on one."""

import asyncio
from collections.abc import Sequence

from ..domain.errors import JournalUnusable
from ..eventstore.memory import MemoryStore
from ..eventstore.records import Draft


class MemoryJournal(MemoryStore):
    """An event store in memory that remembers what was asked of it.

    `break_down()` makes the next commit fail, and every later append with it, as a broken disk does.
    """

    def __init__(self) -> None:
        super().__init__()
        #: Of each batch, whether it was to be durable.
        self.durable: list[bool] = []

    @property
    def drafts(self) -> list[Draft]:
        """What is committed, as it was appended."""
        return [record.draft for record in self.reader().read()]

    def append(
        self, batch: Sequence[Draft], *, expected: int, durable: bool, command: str | None = None
    ) -> "asyncio.Future[int]":
        """As `MemoryStore.append`."""
        committed = super().append(batch, expected=expected, durable=durable, command=command)
        self.durable.append(durable)
        return committed

    def break_down(self) -> None:
        """Fail from now on."""
        self.fail(JournalUnusable(path="memory", problem="it was told to break down"))
