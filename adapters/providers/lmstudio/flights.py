"""Requests of ours that a model answers now: LM Studio says of none, and cuts them off when it unloads."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager


class Flights:
    """How many there are, by model."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._landed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @contextmanager
    def one(self, model: str) -> Generator[None, None, None]:
        """Count one for a block."""
        self._count[model] += 1
        self._landed[model].clear()
        try:
            yield
        finally:
            self._count[model] -= 1
            if not self._count[model]:
                self._landed[model].set()

    async def landed(self, model: str) -> None:
        """Wait until there is none."""
        while self._count[model]:
            await self._landed[model].wait()
