"""Loads and unloads, and the proof that they happened."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from ....domain.errors import (
    BursarError,
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    ProviderBusy,
    ProviderTimeout,
    Unsupported,
)
from ..timeouts import ProviderTimeouts
from ..uninterrupted import uninterrupted
from .api import Api
from .crowding import Crowding
from .known import Known
from .running import Entry, find

_POLL_FIRST_S, _POLL_LONGEST_S = 0.01, 0.5
#: Loads that may be undone before they are seen.
_ASKED_AGAIN = 2
#: Nobody loads that long without a reason to be named; providers.md §1.8.
_STUCK_S = 120.0


class Loading:
    """Has models loaded and unloaded, one step at a time for each."""

    def __init__(self, api: Api, timeouts: ProviderTimeouts, crowding: Crowding) -> None:
        self._api, self._timeouts, self._crowding = api, timeouts, crowding
        self._pending: dict[str, float] = {}
        #: Ollama loads one at a time, and may let the first go for the second before it was seen.
        self._turn = asyncio.Lock()
        #: A load that came to nothing within its time, and no other has succeeded since.
        self._gave_up = ""

    @property
    def stuck(self) -> str:
        """Why it is to be feared that nothing can be loaded although questions are answered; or empty.

        Ollama's scheduler can be dead-locked while everything else is well (its issue 17408). Only loads
        that somebody wanted are evidence; none is made to find out.
        """
        now = asyncio.get_running_loop().time()
        waits = [(now - begun, model) for model, begun in self._pending.items()]
        seconds, model = max(waits, default=(0.0, ""))
        if seconds > _STUCK_S:
            return f"it answers questions, but a load of {model} has been open for {seconds:.0f} s"
        return self._gave_up

    async def load(self, known: Known) -> Entry:
        """Load, and return what is in memory once it is. Whatever goes wrong, nothing is left of it.

        The request is held open until the load is done: Ollama gives a load up whose client has gone.
        """
        async with self._its_turn():
            return await self._load(known)

    async def _load(self, known: Known) -> Entry:
        before = find(await self._api.running(), known.name, known.digest)
        with self._noted(known):
            try:
                await self._ask(known)
                return await self._confirmed(known)
            except BaseException as failure:
                if not before:
                    await uninterrupted(self._undo(known))
                if isinstance(failure, ProviderTimeout):
                    self._gave_up = (
                        f"it answers questions, but {known.name} was not loaded within "
                        f"{self._timeouts.load_s:g} s, and nothing was since"
                    )
                raise

    async def settled(self) -> None:
        """Wait for loads that may displace others: whoever is asked meanwhile would displace them in turn."""
        if self._crowding.suspected:
            async with self._its_turn():
                return

    async def unload(self, known: Known) -> None:
        """Unload, and return when `/api/ps` does not list it any more: the answer says nothing.

        It is told again whenever somebody else's request has made it stay. Raises `ModelUnloadFailed`.
        """
        entry = await self._let_go(known)
        if entry is None:
            return
        state = "it is stopping, but somebody keeps it busy" if entry.leaving else "somebody keeps using it"
        seconds = f"{self._timeouts.unload_s:g} s"
        cause = f"UnloadStuck: {seconds} after it was told to go, /api/ps still lists it; {state}"
        raise ModelUnloadFailed(model=known.name, cause=cause)

    async def _ask(self, known: Known) -> None:
        """With an empty prompt, or an empty list of texts where the model makes vectors and nothing else."""
        embeds = known.shown is not None and known.shown.embeds_only
        try:
            await self._post("/api/embed" if embeds else "/api/generate", known)
        except Unsupported as refused:
            if embeds or "does not support generate" not in str(refused):
                raise
            # This version does not say in advance what a model can do.
            await self._post("/api/embed", known)

    async def _post(self, path: str, known: Known) -> None:
        body: dict[str, Any] = {**known.common(), "stream": False}
        if path == "/api/embed":
            body |= {"input": []}
            body.pop("shift", None)
        await self._api.post(path, body, known.name, phase="load", timeout_s=self._timeouts.load_s)
        self._gave_up = ""

    async def _confirmed(self, known: Known) -> Entry:
        """What is listed of it. Where it was let go already for somebody's request, it is asked for again."""
        for _ in range(_ASKED_AGAIN):
            entries = await self._listed()
            if entry := find(entries, known.name, known.digest):
                return entry
            if not entries:
                break
            self._crowding.displaced(len(entries))
            await self._ask(known)
        entry = await self._until(known, lambda entry: entry is not None)
        if entry is None:
            cause = "Ollama says that it was loaded, but /api/ps does not list it"
            raise ModelLoadFailed(model=known.name, cause=cause)
        return entry

    async def _listed(self) -> list[Entry]:
        """What is in memory; nothing where the list is held back."""
        try:
            return await self._api.running()
        except ProviderBusy:
            return []

    async def _undo(self, known: Known) -> None:
        """Our connection is closed, which ends the load; and if it had just succeeded, it is unloaded."""
        with suppress(BursarError):
            await self._let_go(known)

    async def _let_go(self, known: Known) -> Entry | None:
        """Tell it to go until it is gone, or time is up: then return what is still listed."""
        await self._tell(known)
        return await self._until(known, lambda entry: entry is None, meanwhile=self._tell)

    async def _tell(self, known: Known) -> None:
        body = {"model": known.name, "keep_alive": 0, "stream": False}
        # Its name is gone, as after a delete; the model may be in memory all the same.
        with suppress(InvalidModelId):
            await self._api.post("/api/generate", body, known.name)

    async def _until(
        self,
        known: Known,
        holds: Callable[[Entry | None], bool],
        meanwhile: Callable[[Known], Coroutine[Any, Any, None]] | None = None,
    ) -> Entry | None:
        """Look into `/api/ps` until that holds or time is up; return what was seen last.

        A list that is held back is waited for: Ollama does that while it ends a process.
        """
        loop = asyncio.get_running_loop()
        end, pause_s = loop.time() + self._timeouts.unload_s, _POLL_FIRST_S
        while True:
            try:
                entry = find(await self._api.running(), known.name, known.digest)
            except ProviderBusy:
                if loop.time() >= end:
                    raise
                continue
            if holds(entry) or loop.time() >= end:
                return entry
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _POLL_LONGEST_S)
            if meanwhile and entry and not entry.leaving:
                await meanwhile(known)

    @asynccontextmanager
    async def _its_turn(self) -> AsyncGenerator[None, None]:
        try:
            async with asyncio.timeout(self._timeouts.load_s):
                await self._turn.acquire()
        except TimeoutError as late:
            cause = f"other loads have kept it busy for {self._timeouts.load_s:g} s"
            raise ProviderTimeout(provider=self._api.provider, cause=cause) from late
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _noted(self, known: Known) -> Generator[None, None, None]:
        known.loading = True
        self._pending[known.name] = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            known.loading = False
            del self._pending[known.name]
