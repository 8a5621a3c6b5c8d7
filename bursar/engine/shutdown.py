"""Closing a manager in good order."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ..domain.errors import BursarError
from ..domain.host.events import ManagerStopped, ManagerStopping
from .desk import Desk
from .effects import Effects
from .engine import Engine
from .snapshots import Keeper

#: How long closing waits for leases to end by themselves, and then for models to be unloaded.
GRACE_S = 5.0
UNLOAD_S = 30.0


class Shutdown:
    """Serves nobody new, waits a little for those being served, unloads everything, writes the last line."""

    def __init__(
        self, engine: Engine, desk: Desk, effects: Effects, sampling: "asyncio.Task[None]", keeper: Keeper
    ) -> None:
        self._engine = engine
        self._desk = desk
        self._effects = effects
        self._sampling = sampling
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
        self._sampling.cancel()
        with suppress(asyncio.CancelledError):
            await self._sampling
        await self._wait(GRACE_S, lambda: self._desk.empty)
        try:
            self._engine.submit(ManagerStopping())
            await self._wait(UNLOAD_S, lambda: not self._engine.state.resident())
            await self._effects.cancel()
            self._engine.record_digest()
            await self._engine.submit(ManagerStopped()).committed
            self._keeper.save(self._engine.state)
        except BursarError:
            # The journal can no longer be written: there is nothing to say and nowhere to say it.
            await self._effects.cancel()
        finally:
            self._engine.stop()
            for callback in tuple(self._callbacks):
                callback()

    async def _wait(self, seconds: float, holds: Callable[[], bool]) -> None:
        """Until something holds, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds():
                    await self._engine.until(lambda _event: True)
