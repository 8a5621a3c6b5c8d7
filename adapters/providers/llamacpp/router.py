"""A router: it has a list of models, and a process for each that is loaded."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from ....domain.errors import (
    BursarError,
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    ModelVanished,
    ProviderBusy,
    ProviderTimeout,
    Unsupported,
)
from ....domain.models.values import Description, Residency
from ....domain.providers.values import Capabilities
from ..uninterrupted import uninterrupted
from ..wire.fields import records
from .api import Api
from .reading import Listed, Props, is_loading, read_entry, read_props
from .sizes import Known, Placing, describe, residency
from .watching import watching

#: Slots that a process opens when it is told nothing of them.
_USUAL_SLOTS = "4"


class Router:
    """One llama-server that was started without a model."""

    def __init__(self, api: Api, props: Props, placing: Placing) -> None:
        self._api, self._placing, self._build_info = api, placing, props.build_info
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._leaving: set[str] = set()
        #: What was learnt of a model when it was in memory.
        self._learnt: dict[str, Description] = {}

    def is_still(self, props: Props) -> bool:
        """Whether it is the one that answered before."""
        return props.router and props.build_info == self._build_info

    async def abilities(self, props: Props) -> tuple[Capabilities, dict[str, str]]:
        """What it can do, and why not the rest."""
        lacks = {
            "measure_memory": "it does not say what its models take",
            "sleep": "models fall asleep by themselves (--sleep-idle-seconds), and there is no call for it",
        }
        # What it is started with goes to each of its processes.
        saves = any("slot-save-path" in entry.flags for entry in await self._entries())
        if not saves:
            lacks["kv_save"] = "none of its models is started with --slot-save-path"
        capabilities = Capabilities(
            load=True, unload=True, tokenize=True, kv_save=saves, progress=True, embeddings=True
        )
        return capabilities, lacks

    async def catalogue(self) -> tuple[str, ...]:
        """What it could load; what is still being fetched is left out."""
        entries = await self._entries()
        return tuple(sorted(entry.id for entry in entries if not entry.status.startswith("download")))

    async def describe(self, model: str) -> Description:
        """What is known of a model. Raises `InvalidModelId`."""
        return await self._describe(await self._entry(model))

    async def resident(self) -> tuple[Residency, ...]:
        """What is loaded or asleep, sorted by name."""
        found: list[Residency] = []
        for entry in sorted(await self._entries(), key=lambda entry: entry.id):
            if entry.in_memory:
                # It may have left since it was listed, and be on its way back.
                with suppress(ModelVanished, InvalidModelId):
                    try:
                        found.append(await self._residency(entry))
                    except ProviderBusy as busy:
                        if not is_loading(busy):
                            raise
        return tuple(found)

    async def load(self, model: str) -> Residency:
        """Have it loaded, and return once it answers; whatever goes wrong, no load of ours goes on.

        Raises `InvalidModelId`, `ModelLoadFailed`, `ProviderBusy` when as many are loaded as may be, and
        `ProviderTimeout` after `load_s` without any progress.
        """
        api = self._api
        async with self._locks[model], watching(api.http, model, api.timeouts.load_s) as ears:
            starting = asyncio.ensure_future(self._start(model))
            try:
                # Not to be cancelled on its way: a process may come of it.
                await asyncio.shield(starting)
                entry = await ears.until(
                    lambda: self._entry(model), lambda entry: entry.status != "loading", api.timeouts.load_s
                )
                if not entry.in_memory:
                    raise ModelLoadFailed(model=model, cause=_why(entry))
                return await self._residency(entry)
            except TimeoutError:
                await uninterrupted(self._undo(model, starting))
                cause = f"{model} was not loaded after {api.timeouts.load_s:g} s without progress"
                raise ProviderTimeout(provider=api.name, cause=cause) from None
            except BaseException:
                await uninterrupted(self._undo(model, starting))
                raise

    async def unload(self, model: str) -> None:
        """Have its process end, and return once it has. Raises `ModelUnloadFailed`."""
        async with self._locks[model]:
            self._leaving.add(model)
            try:
                if await self._stop(model):
                    await self._gone(model)
            except TimeoutError:
                patience_s = self._api.timeouts.unload_s
                cause = f"it is still there {patience_s:g} s after it was asked to go"
                raise ModelUnloadFailed(model=model, cause=cause) from None
            finally:
                self._leaving.discard(model)

    def window(self, model: str) -> int:
        """Tokens that a conversation may have; 0 while that is not known."""
        learnt = self._learnt.get(model)
        return learnt.context_tokens // learnt.slots if learnt else 0

    async def check(self, model: str) -> None:
        """Nothing: the router itself knows what it has."""

    async def has_lost(self, model: str) -> bool:
        """Whether it has no process any more."""
        try:
            return not (await self._entry(model)).running
        except BursarError:
            return False

    async def _start(self, model: str) -> bool:
        """Ask for a load; return whether there was none before. Raises what the router says against it."""
        try:
            # Making room for it may take as long as an unload.
            patience_s = self._api.timeouts.status_s + self._api.timeouts.unload_s
            await self._api.post(
                "/models/load", {"model": model}, model=model, phase="load", timeout_s=patience_s
            )
        except Unsupported as refused:
            if "already running" in str(refused):
                return False
            raise
        return True

    async def _undo(self, model: str, starting: "asyncio.Future[bool]") -> None:
        # The provider may be gone, and then there is nothing to undo.
        with suppress(BursarError, TimeoutError):
            if await starting and await self._stop(model):
                await self._gone(model)

    async def _stop(self, model: str) -> bool:
        """Ask for an unload; return whether there was anything to unload."""
        try:
            await self._api.post("/models/unload", {"model": model}, model=model)
        except InvalidModelId:
            return False
        except Unsupported as refused:
            if "not running" in str(refused):
                return False
            raise
        return True

    async def _gone(self, model: str) -> None:
        api = self._api
        async with watching(api.http, model, api.timeouts.unload_s) as ears:
            await ears.until(
                lambda: self._entry(model), lambda entry: not entry.running, api.timeouts.unload_s
            )

    async def _entries(self) -> list[Listed]:
        answer = await self._api.get("/models")
        return [read_entry(entry) for entry in records(answer.get("data"))]

    async def _entry(self, model: str) -> Listed:
        entry = next((entry for entry in await self._entries() if entry.id == model), None)
        if entry is None:
            raise InvalidModelId(model=model, problem="the router does not list it")
        return entry

    async def _residency(self, entry: Listed) -> Residency:
        props = read_props(await self._api.get("/props", {"model": entry.id}, model=entry.id))
        described = await self._describe(entry, props)
        self._learnt[entry.id] = described
        asleep = entry.status == "sleeping" or (props is not None and props.asleep)
        return residency(described, asleep=asleep, leaving=entry.id in self._leaving)

    async def _describe(self, entry: Listed, props: Props | None = None) -> Description:
        """`props` are those of its own process, if there is one."""
        if props is None and entry.id in self._learnt:
            return self._learnt[entry.id]
        slots = props.slots if props else _number(entry.flags.get("parallel", _USUAL_SLOTS)) or 1
        window = props.window if props else _number(entry.flags.get("ctx-size", "0")) // slots
        known = Known(
            entry.id,
            entry.flags.get("model", ""),
            window,
            slots,
            entry.about,
            f"llama.cpp {self._build_info}",
            entry.flags.get("cache-type-k", "f16"),
        )
        return await describe(known, self._placing)


def _why(entry: Listed) -> str:
    if entry.failed:
        return f"its process ended with status {entry.exit_code}; the router's own output says why"
    return "it was unloaded while it was loading"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0
