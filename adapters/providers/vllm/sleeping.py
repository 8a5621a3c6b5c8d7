"""Falling asleep and waking, as the server's development mode has it."""

import asyncio
from typing import Literal

from ....domain.errors import ModelLoadFailed, ModelUnloadFailed, ProviderBusy, Unsupported
from ...http.port import Http
from ..timeouts import ProviderTimeouts
from ..wire.failing import Phase, failing
from ..wire.fields import record
from ..wire.refusals import refusal
from .metrics import requests

Level = Literal[1, 2]
#: Between two looks at whether a command has been carried out, or at whether others still use the engine.
_LOOK_S = 0.05


class Sleeping:
    """The commands of one server. Each answers before it has been carried out, so that one has to look."""

    def __init__(self, http: Http, provider: str, timeouts: ProviderTimeouts) -> None:
        self._http, self._provider, self._timeouts = http, provider, timeouts

    async def asleep(self) -> bool | None:
        """Whether the engine sleeps; None where the server has no such endpoint."""
        with failing(self._provider):
            answer = await self._http.request("GET", "/is_sleeping", timeout_s=self._timeouts.status_s)
            if answer.status == 200:
                return record(answer.json()).get("is_sleeping") is True
        error = refusal(self._provider, "", answer.status, answer.headers, answer.body)
        if isinstance(error, Unsupported):
            return None
        raise error

    async def idle(self, model: str) -> None:
        """Wait until nobody uses the engine: sleep would cut them off. Raises `ProviderBusy`."""
        with failing(self._provider, model):
            try:
                async with asyncio.timeout(self._timeouts.unload_s):
                    while await self._running():  # noqa: ASYNC110 - only asking tells
                        await asyncio.sleep(_LOOK_S)
            except TimeoutError:
                cause = f"{model} cannot be put to sleep, it answers requests of others"
                raise ProviderBusy(provider=self._provider, cause=cause, retry_after_ms=None) from None

    async def sleep(self, model: str, level: Level) -> None:
        """Put the engine to sleep, and return once it says that it is.

        Raises `ModelUnloadFailed` if it never does, and whatever the command is refused with. Versions that
        know `mode` wait for what runs; older ones ignore it, and abort.
        """
        await self._command(model, "/sleep", {"level": str(level), "mode": "wait"}, phase="run")
        if not await self._became(True, self._timeouts.unload_s):
            cause = f"it does not sleep {self._timeouts.unload_s:g} s after it was asked to"
            raise ModelUnloadFailed(model=model, cause=cause)

    async def wake(self, model: str, level: Level) -> None:
        """Wake it from a level, and return once it says that it is awake.

        Raises `ModelLoadFailed` if it never does, and whatever a command is refused with. After the second
        level its weights are read again, before there are keys and values beside them.
        """
        if level == 1:
            await self._command(model, "/wake_up", {}, phase="load")
        else:
            await self._command(model, "/wake_up", {"tags": "weights"}, phase="load")
            await self._command(model, "/collective_rpc", {}, {"method": "reload_weights"}, phase="load")
            await self._command(model, "/wake_up", {"tags": "kv_cache"}, phase="load")
            await self._command(model, "/reset_prefix_cache", {}, phase="load")
        if not await self._became(False, self._timeouts.load_s):
            cause = f"it still sleeps {self._timeouts.load_s:g} s after it was woken"
            raise ModelLoadFailed(model=model, cause=cause)

    async def _command(
        self, model: str, path: str, query: dict[str, str], body: object = None, *, phase: Phase
    ) -> None:
        patience = self._timeouts.load_s if phase == "load" else self._timeouts.unload_s
        with failing(self._provider, model, phase=phase):
            answer = await self._http.request("POST", path, json=body, query=query, timeout_s=patience)
        if answer.status != 200:
            raise refusal(self._provider, model, answer.status, answer.headers, answer.body, phase=phase)

    async def _became(self, asleep: bool, patience_s: float) -> bool:
        try:
            async with asyncio.timeout(patience_s):
                while await self.asleep() is not asleep:  # noqa: ASYNC110 - only asking tells
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return False
        return True

    async def _running(self) -> int:
        """Requests of anybody's; 0 where the server keeps no count."""
        answer = await self._http.request("GET", "/metrics", timeout_s=self._timeouts.status_s)
        return requests(answer.body) if answer.status == 200 else 0
