"""Closing a manager in good order."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..domain.errors import BursarError
from ..domain.host.events import ManagerStopped, ManagerStopping
from ..domain.models.leaving import stays
from .desk import Desk
from .effects import Effects
from .engine import Engine
from .snapshots import Keeper

#: How long closing waits for leases to end by themselves, and then for models to be unloaded.
GRACE_S = 5.0
UNLOAD_S = 30.0


class Shutdown:
    """Serves nobody new, waits a little for those being served, unloads what is its own, writes the end."""

    def __init__(
        self,
        engine: Engine,
        desk: Desk,
        effects: Effects,
        beside: Sequence["asyncio.Task[None]"],
        keeper: Keeper,
    ) -> None:
        """`beside`: what goes on until then, such as sampling."""
        self._engine = engine
        self._desk = desk
        self._effects = effects
        self._beside = beside
        self._keeper = keeper
        #: Done when the manager is closed.
        self._closed: asyncio.Future[None] | None = None
        self._callbacks: list[Callable[[], None]] = []

    @property
    def begun(self) -> bool:
        """Whether the manager is closing or closed."""
        return self._closed is not None

    def then(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the manager has closed, at once when it has; returns what ends it."""
        if self._closed is not None and self._closed.done():
            callback()
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    async def run(self) -> None:
        """Close; a second call waits for the first."""
        if self._closed is None:
            self._closed = asyncio.ensure_future(self._run())
        await asyncio.shield(self._closed)

    async def _run(self) -> None:
        await self._wait(GRACE_S, lambda: self._desk.empty)
        try:
            self._engine.submit(ManagerStopping())
            # Providers are still looked at: one that is gone holds nothing that could be unloaded.
            await self._wait(UNLOAD_S, self._all_have_left)
            await self._give_up()
            self._engine.record_digest()
            await self._engine.submit(ManagerStopped()).committed
            await self._keeper.finish(self._engine.state)
        except BursarError:
            # The journal can no longer be written: there is nothing to say and nowhere to say it.
            await self._give_up()
        finally:
            self._engine.stop()
            for callback in tuple(self._callbacks):
                callback()

    async def _give_up(self) -> None:
        """End what runs beside, and the effects whose outcome nobody will hear."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self._effects.cancel()

    def _all_have_left(self) -> bool:
        """Whether nothing is in memory but what others loaded, and what cannot be unloaded."""
        state = self._engine.state
        return all(stays(state, model) for model in state.resident())

    async def _wait(self, seconds: float, holds: Callable[[], bool]) -> None:
        """Until something holds, but not for ever, and not once the journal is broken."""
        with suppress(TimeoutError, BursarError):
            async with asyncio.timeout(seconds):
                while not holds():
                    await self._engine.until(lambda _event: True)
