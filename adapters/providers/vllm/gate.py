"""Who may send something to the engine."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class Gate:
    """Counts what is under way; whoever wants to pass looks first whether it is open."""

    def __init__(self) -> None:
        self.open = True
        self._under_way = 0
        self._changed = asyncio.Event()

    @contextmanager
    def passing(self) -> Generator[None, None, None]:
        """Be under way for a block."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._changed.set()

    async def empty(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            self._changed.clear()
            await self._changed.wait()
