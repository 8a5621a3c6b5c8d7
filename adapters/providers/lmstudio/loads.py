"""Explicit loads: one at a time for each model, and none that comes to its end unseen.

LM Studio goes on with a load that nobody waits for, and loads a second copy of what is being loaded. So a
load is a task of its own that keeps the model's lock until it is known what became of it: whoever asked may
have been cancelled, or have run out of patience. What comes too late is unloaded again, unless somebody
else has asked for the model meanwhile.
"""

import asyncio
from collections import defaultdict

from ....domain.errors import BursarError, ProviderBusy, ProviderTimeout, ProviderUnavailable
from ....domain.models.values import Description
from ...logs import get_logger
from .api import Api
from .listing import Listed

_log = get_logger("bursar.lmstudio")
#: Until the first look at the list for a load whose end nobody heard of; each later one takes a tenth longer.
_LOOK_S = 0.05

Outcome = asyncio.Future[Listed]


class Loads:
    """Loads of one provider. `late_s`: how much longer than `load_s` a load is followed."""

    def __init__(self, api: Api, provider: str, *, load_s: float, late_s: float) -> None:
        self._api, self._provider = api, provider
        self._load_s, self._late_s = load_s, late_s
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: The instance that the last load of a model came to.
        self.held: dict[str, str] = {}
        #: Loads that somebody waits for, unless they are done.
        self._asked: defaultdict[str, list[Outcome]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, description: Description) -> Listed:
        """Have an instance in memory. Cancelling undoes what was not there before."""
        model, loop = description.model, asyncio.get_running_loop()
        outcome: Outcome = loop.create_future()
        # Nobody may be left to hear of it.
        outcome.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._asked[model].append(outcome)
        task = loop.create_task(self._run(description, outcome), name=f"load {model}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        closed = ProviderUnavailable(provider=self._provider, cause=f"the load of {model} was given up")
        task.add_done_callback(lambda _: _settle(outcome, closed))
        try:
            async with asyncio.timeout(self._load_s):
                return await outcome
        except TimeoutError:
            cause = f"{model} was not loaded within {self._load_s:g} s; should it come late, it is unloaded"
            raise ProviderTimeout(provider=self._provider, cause=cause) from None
        finally:
            self._asked[model].remove(outcome)

    def undoing(self, model: str) -> bool:
        """Whether a load of it is under way that nobody waits for."""
        return self.locks[model].locked() and not self._is_wanted(model)

    async def close(self) -> None:
        """Follow no load any more; what still comes is found by whoever asks for residents."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, description: Description, outcome: Outcome) -> None:
        async with self.locks[description.model]:
            if not outcome.done():
                await self._decide(description, outcome)

    async def _decide(self, description: Description, outcome: Outcome) -> None:
        """Leave alone what is loaded, whatever its window; otherwise load it."""
        model = description.model
        try:
            found = await self._api.listed(model)
        except BursarError as error:
            _settle(outcome, error)
            return
        if found.loaded:
            self.held.setdefault(model, found.loaded[0].id)
            _settle(outcome, found)
        elif not outcome.done():
            await self._load(description, outcome)

    async def _load(self, description: Description, outcome: Outcome) -> None:
        model, within_s = description.model, self._load_s + self._late_s
        try:
            instance = await self._api.load(model, description.context_tokens, within_s=within_s)
        except (ProviderTimeout, ProviderUnavailable) as unclear:
            _settle(outcome, unclear)
            # What broke off has most likely died; what takes long is likely to come.
            await self._watch(model, patiently=isinstance(unclear, ProviderTimeout))
            return
        except BursarError as refused:
            _settle(outcome, refused)
            return
        self.held[model] = instance
        if not outcome.done():
            await self._confirm(model, instance, outcome)
        if _is_lost(outcome) and not self._is_wanted(model):
            await self._undo(model, instance)

    async def _confirm(self, model: str, instance: str, outcome: Outcome) -> None:
        """What was granted is only in the list."""
        try:
            found = await self._api.listed(model)
        except BursarError as error:
            _settle(outcome, error)
            return
        if any(loaded.id == instance for loaded in found.loaded):
            _settle(outcome, found)
        else:
            cause = f"{instance} is not listed, although it was said to be loaded"
            _settle(outcome, ProviderUnavailable(provider=self._provider, cause=cause))

    async def _watch(self, model: str, *, patiently: bool) -> None:
        """A load whose end nobody heard may still come. Unless `patiently`, whoever asks may load anew."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while loop.time() < started + self._late_s and (patiently or not self._is_wanted(model)):
            await asyncio.sleep(max(_LOOK_S, (loop.time() - started) / 10))
            try:
                found = await self._api.listed(model)
            except (ProviderBusy, ProviderTimeout):
                continue
            except BursarError:
                # It is gone, and what it loaded with it.
                return
            if found.loaded and not self._is_wanted(model):
                await self._undo(model, found.loaded[0].id)
            if found.loaded:
                return

    def _is_wanted(self, model: str) -> bool:
        return any(not outcome.done() for outcome in self._asked[model])

    async def _undo(self, model: str, instance: str) -> None:
        self.held.pop(model, None)
        try:
            await self._api.unload(model, instance)
        except BursarError as error:
            # It stays among the residents, where whoever looks finds it.
            _log.warning("late load not undone", model=model, instance=instance, error=str(error))


def _is_lost(outcome: Outcome) -> bool:
    """Whether nobody will have the model of it."""
    return outcome.cancelled() or outcome.exception() is not None


def _settle(outcome: Outcome, result: Listed | BursarError) -> None:
    if outcome.done():
        return
    if isinstance(result, BursarError):
        outcome.set_exception(result)
    else:
        outcome.set_result(result)
