"""Asking the provider, which has the model's tokenizer."""

import asyncio
from collections.abc import Callable

from ..adapters.logs import get_logger
from ..domain.errors import BursarError
from ..domain.models.machine import ModelState
from ..domain.state import State
from ..providers import Target

_log = get_logger("bursar.counting")

#: Requests that count at one time.
_AT_ONCE = 4
#: How long a provider that failed is not asked again.
_PAUSE_NS = 30 * 1_000_000_000


class Asking:
    """A few texts at a time; a provider that fails is left alone for a while."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._slots = asyncio.Semaphore(_AT_ONCE)
        #: Until when a model's provider is left alone, in UTC nanoseconds.
        self._failed_until: dict[str, int] = {}

    def offered(self, target: Target, state: State) -> bool:
        """Whether the provider can count now, without loading or waking anything for it."""
        model = state.models.get(target.id)
        ready = model is not None and model.state in (ModelState.READY, ModelState.DRAINING)
        able = target.provider.capabilities.tokenize
        return able and ready and self._now() >= self._failed_until.get(target.id, 0)

    async def count(self, target: Target, text: str) -> int | None:
        """What the provider counts; None when it does not."""
        async with self._slots:
            try:
                return len(await target.provider.tokenize(target.name, text))
            except BursarError as problem:
                _log.info("the provider did not count", model=target.id, cause=str(problem))
        self._failed_until[target.id] = self._now() + _PAUSE_NS
        return None
