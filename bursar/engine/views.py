"""Keeping a journal's views up to date beside the manager that writes it."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager

from ..adapters.logs import get_logger
from ..domain.errors import BursarError
from ..eventstore.journal import Journal
from ..eventstore.views.projection import Projection
from ..eventstore.views.upkeep import Upkeep

_log = get_logger("bursar.views")

#: Commits gather for so long before they are taken into the views.
_PAUSE_S = 0.2
#: Events at a time: a millisecond or two, in which the event loop's thread may have to wait.
_BATCH = 128
#: A view that could not be written is left alone for so long.
_RETRY_S = 60.0
#: What is not in the views by then when the manager closes is taken into them by the next one.
_LAST_S = 1.0


@asynccontextmanager
async def keeping(journal: Journal, projections: Sequence[Projection]) -> AsyncGenerator[None, None]:
    """Keep the views of a journal for a block."""
    keeper = ViewKeeper(journal.path, projections)
    deaf = journal.listen(keeper.hear)
    keeper.start()
    try:
        yield
    finally:
        deaf()
        await asyncio.to_thread(keeper.close)


class ViewKeeper:
    """Takes what is committed into the views, in a thread of its own and with connections of its own.

    A view is a short cut: what goes wrong with one is logged, and the journal is read instead.
    """

    def __init__(self, journal: str, projections: Sequence[Projection]) -> None:
        self._journal = journal
        self._projections = projections
        self._stirred = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bursar views", daemon=True)

    def start(self) -> None:
        """Begin, with what was committed before."""
        self._thread.start()

    def hear(self, _position: int) -> None:
        """Something was committed."""
        if not self._stirred.is_set():
            self._stirred.set()

    def close(self) -> None:
        """Take in what is left, if it is not much, and end."""
        self._closing.set()
        self._stirred.set()
        self._thread.join()

    def _run(self) -> None:
        with ExitStack() as stack:
            kept = [_Kept(stack, self._journal, projection) for projection in self._projections]
            while not self._closing.is_set():
                self._stirred.clear()
                for one in kept:
                    one.catch_up(self._closing)
                self._stirred.wait()
                self._closing.wait(_PAUSE_S)
            for one in kept:
                one.finish()


class _Kept:
    """One view, whose troubles are its own."""

    def __init__(self, stack: ExitStack, journal: str, projection: Projection) -> None:
        self._upkeep = stack.enter_context(Upkeep(journal, projection, batch=_BATCH))
        self._name = projection.name
        self._retry_at = 0.0

    def catch_up(self, closing: threading.Event) -> None:
        """Bring it up to date, unless the manager closes meanwhile."""
        if time.monotonic() < self._retry_at:
            return
        began = time.monotonic()
        try:
            for position, wanted in self._upkeep.steps():
                # As long a breath as a batch took: a long build has half of this thread's time at most.
                if position < wanted and closing.wait(time.monotonic() - began):
                    return
                began = time.monotonic()
        except BursarError as error:
            self._retry_at = time.monotonic() + _RETRY_S
            _log.warning("a view could not be kept", view=self._name, error=str(error))

    def finish(self) -> None:
        """Bring it up to date if that takes no time, and to the disk."""
        deadline = time.monotonic() + _LAST_S
        try:
            for _ in self._upkeep.steps():
                if time.monotonic() > deadline:
                    break
            self._upkeep.rest()
        except BursarError as error:
            _log.warning("a view could not be kept", view=self._name, error=str(error))
