"""Subscriptions: following a journal on an event loop."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

from .following import ALL, POLL_S, Interest, Trail
from .identity import StrPath
from .port import EventStore
from .records import Record

#: `EventStore.listen`: calls back after every commit, and returns what ends that.
Listen = Callable[[Callable[[int], None]], Callable[[], None]]


class Subscription:
    """The events after a position: the recorded ones, then the others as they are committed; `async for`.

    In order, none left out and none twice, however far the journal is ahead. A wait that is cancelled loses
    nothing: the next one goes on there. Use it on one event loop, and close it.
    """

    @classmethod
    def of(cls, store: EventStore, *, after: int = 0, interest: Interest = ALL) -> Self:
        """Follow a store that this process owns, on the store's own event loop: it tells of its commits."""
        return cls(Trail(store.reader(), after, interest), store.listen)

    @classmethod
    def beside(cls, path: StrPath, *, after: int = 0, interest: Interest = ALL) -> Self:
        """Follow a journal whoever owns it: it is looked at every 20 ms. Raises JournalUnusable."""
        return cls(Trail.beside(path, after, interest))

    def __init__(self, trail: Trail, listen: Listen | None = None) -> None:
        self._trail = trail
        self._span: Iterator[Record] = iter(())
        self._stirred = asyncio.Event()
        self._poll_s = None if listen else POLL_S
        self._deaf = listen(lambda _position: self._stirred.set()) if listen else lambda: None
        self._finishing = False
        self._closed = False

    def finish(self) -> None:
        """End after what is committed by now."""
        self._finishing = True
        self._stirred.set()

    def close(self) -> None:
        """End at once; whoever waits is told that there is no more. Calling it twice is calling it once."""
        if not self._closed:
            self._closed = True
            self._deaf()
            self._trail.close()
            self._stirred.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        """The next event, when there is one.

        Raises JournalUnusable when the file has been removed, or another has taken its place; JournalCorrupt.
        """
        while not self._closed:
            record = next(self._span, None)
            if record is not None:
                return record
            self._stirred.clear()
            if self._trail.behind():
                await asyncio.sleep(0)  # a long past is not read in one turn of the loop
                self._span = self._trail.span()
            elif self._finishing:
                self.close()
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._stirred.wait()
        raise StopAsyncIteration
