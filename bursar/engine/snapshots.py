"""When the live state is kept for the next start."""

from ..adapters.logs import get_logger
from ..domain.events import Event
from ..domain.state import State
from ..eventstore.snapshots import SnapshotStore
from ..projections import snapshots
from .engine import Engine

_log = get_logger("bursar.snapshots")

#: Events folded since the last snapshot before another one is worth its while.
EVERY = 5000


class Keeper:
    """Saves a snapshot whenever folding the tail again would take noticeable time."""

    def __init__(self, store: SnapshotStore, position: int) -> None:
        self._store = store
        self._saved = position

    def hear(self, engine: Engine, event: Event) -> None:
        """Save one when enough has been written since the last, and all of it is committed."""
        if event.position - self._saved >= EVERY and event.position == engine.state.position:
            self.save(engine.state)

    def save(self, state: State) -> None:
        """Save one, now."""
        self._saved = state.position
        try:
            snapshots.save(self._store, state)
        except OSError as error:
            # It is a short cut for the next start; the journal itself says when it cannot be written.
            _log.warning("no snapshot could be saved", error=str(error))
