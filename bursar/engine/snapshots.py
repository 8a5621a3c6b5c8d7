"""When the live state is kept for the next start."""

import asyncio
from collections.abc import Callable

from ..adapters.logs import get_logger
from ..domain.events import Event
from ..domain.state import State
from ..eventstore.snapshots import SnapshotStore
from ..projections import snapshots
from ..projections.snapshots import Restored
from .engine import Engine

_log = get_logger("bursar.snapshots")

#: So much folding is worth a snapshot: whoever opens the journal waits a little longer than this at most.
WORTH_NS = 200_000_000
#: What folding an event is taken to cost before it has been measured; rather too much, to measure in time.
ASSUMED_NS = 20_000

#: Blocks of messages that are written out at once: some milliseconds. More of them are on a thread.
AT_ONCE = 32

#: Nanoseconds that folding an event behind a state takes; None when it cannot be told.
Measure = Callable[[State], int | None]


class Keeper:
    """Saves a snapshot whenever folding what was written since the last would take noticeable time."""

    def __init__(self, store: SnapshotStore, found: Restored, measure: Measure) -> None:
        """`measure` folds a few of the events again that were written since; it takes milliseconds."""
        self._store = store
        self._measure = measure
        self._saved = found.snapshot
        #: Where the measurement starts from; None when it has been made since the last snapshot.
        self._from: State | None = found.state
        self._event_ns = found.event_ns or ASSUMED_NS
        #: Done when a long one is written.
        self._writing: asyncio.Future[None] | None = None

    def hear(self, engine: Engine, event: Event) -> None:
        """Save one when enough has been written since the last, and all of it is committed."""
        if not self._due(event) or event.position != engine.state.position:
            return
        if self._from is not None:
            self._event_ns = self._measure(self._from) or self._event_ns
            self._from = None
        if self._due(event):
            self._begin(engine.state)

    async def finish(self, state: State) -> None:
        """Save the last one; on returning it is there."""
        while not self._begin(state):
            await self._written()
        await self._written()

    def save(self, state: State) -> None:
        """Save one, now."""
        try:
            snapshots.save(self._store, state)
        except OSError as error:
            # It is a short cut for the next start; the journal itself says when it cannot be written.
            _log.warning("no snapshot could be saved", error=str(error))

    def _begin(self, state: State) -> bool:
        """Save one, but for when a long one is still being written: one at a time."""
        if self._writing is not None and not self._writing.done():
            return False
        self._saved, self._from = state.position, state
        if sum(len(context.entries) for context in state.contexts.named.values()) <= AT_ONCE:
            self.save(state)
        else:
            self._writing = asyncio.get_running_loop().run_in_executor(None, self.save, state)
        return True

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    def _due(self, event: Event) -> bool:
        return (event.position - self._saved) * self._event_ns >= WORTH_NS
