"""Those who wait for their batches, in the order of the positions."""

import asyncio
from collections import deque

from ..domain.errors import BursarError


class Waiting(deque["tuple[asyncio.Future[int], int, bool]"]):
    """Futures, the last positions of their batches, and whether they wait for the disk itself as well."""

    def answer(self, committed: int, hardened: int) -> None:
        """Answer those whose positions have got as far as they asked for, in their order."""
        while self:
            future, position, durable = self.popleft()
            if position > (hardened if durable else committed):
                self.appendleft((future, position, durable))
                return
            if not future.done():
                future.set_result(position)

    def refuse(self, failure: BursarError, after: int = 0) -> None:
        """Tell everybody whose position is after this one."""
        kept = [one for one in self if one[1] <= after]
        refused = [one for one in self if one[1] > after]
        self.clear()
        self.extend(kept)
        for future, *_ in refused:
            if not future.done():
                future.set_exception(failure)
