"""Carries out recovery procedures: what is done for a provider that keeps failing."""

import asyncio
from collections.abc import Awaitable, Callable

from ..adapters.logs import get_logger
from ..domain.errors import BursarError, Unsupported
from ..domain.events import Event
from ..domain.kernel import Origin
from ..domain.models.events import UnloadRequested
from ..domain.models.machine import ModelState
from ..domain.providers.names import provider_of
from ..domain.resilience.events import RecoveryFinished, RecoveryStarted
from ..domain.resilience.settings import Action
from ..providers import Directory
from .engine import Engine

_log = get_logger("bursar.recovering")

#: Compares what one provider holds with what the journal says.
Reconcile = Callable[[str], Awaitable[object]]


class Recovering:
    """Runs the procedures that were decided on, each in a task of its own."""

    def __init__(self, engine: Engine, directory: Directory, reconcile: Reconcile) -> None:
        self._engine = engine
        self._directory = directory
        self._reconcile = reconcile
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def hear(self, event: Event) -> None:
        """Start what a committed decision asks for."""
        if isinstance(event.body, RecoveryStarted):
            work = self._run(event, event.body)
            task = asyncio.get_running_loop().create_task(work, name=f"recovery {event.position}")
            self._tasks[event.position] = task
            task.add_done_callback(lambda _done: self._tasks.pop(event.position, None))

    async def cancel(self) -> None:
        """Give up what is still running."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, intent: Event, body: RecoveryStarted) -> None:
        try:
            told, ok = await self._do(body.provider, body.action), True
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the outcome
            told, ok = str(error), False
        outcome = RecoveryFinished(provider=body.provider, action=body.action, ok=ok, cause_text=told)
        try:
            self._engine.submit(outcome, origin=Origin(intent.position, intent.correlation))
        except BursarError as error:
            # The journal is closed: a procedure leaves nothing open.
            _log.warning("outcome not recorded", fact=outcome.name, error=str(error))

    async def _do(self, provider: str, action: Action) -> str:
        """Do it, and say what was done."""
        match action:
            case "cleanup":
                await self._reconcile(provider)
                return "what it holds was compared with the books"
            case "restart":
                return self._restart(provider)
            case "scale-down":
                return "it serves fewer at once, and what nobody uses leaves"

    def _restart(self, provider: str) -> str:
        """Have all its models unloaded, so that they are loaded afresh for whoever wants them next."""
        known = self._directory.providers.get(provider)
        if known is None or not known.capabilities.unload:
            raise Unsupported(provider=provider, what="it cannot unload models, and so not be restarted")
        models = [
            model.name
            for model in self._engine.state.models.values()
            if model.state is ModelState.READY and provider_of(model.name) == provider
        ]
        for model in models:
            self._engine.submit(UnloadRequested(model=model))
        return f"unloaded to be loaded afresh: {', '.join(models) or 'nothing was in memory'}"
