"""A server with one model, which is in memory for as long as its process lives, or asleep."""

from dataclasses import replace

from ....domain.errors import InvalidModelId, ProviderBusy
from ....domain.models.values import Description, Residency
from ....domain.providers.values import Capabilities
from ...http.port import Answer
from ..wire.complaint import read_body
from ..wire.openai import list_models
from .api import Api
from .reading import Listed, Props, read_entry, read_props
from .sizes import Known, Placing, describe, residency

_PROCESS = "its one model comes and goes with its process"
_ASLEEP = "it is asleep, and asking would wake it; known once it is awake"


class Single:
    """One process of llama-server, started with a model."""

    def __init__(self, api: Api, props: Props, placing: Placing) -> None:
        self._api, self._placing = api, placing
        self._is = replace(props, asleep=False)
        self._names: tuple[str, ...] = ()
        self._embeddings_lack: str | None = _ASLEEP
        self._kv_lack: str | None = _ASLEEP

    def is_still(self, props: Props) -> bool:
        """Whether it may be the process that answered before."""
        return self._is == replace(props, asleep=False)

    async def abilities(self, props: Props) -> tuple[Capabilities, dict[str, str]]:
        """What it can do, and why not the rest; while it sleeps, as of when it was awake.

        What its flags are is found out by questions that wake it, but do not keep it awake.
        """
        if not props.asleep:
            self._embeddings_lack = await self._no_embeddings()
            self._kv_lack = await self._no_saving()
        lacks = {
            "load": _PROCESS,
            "unload": _PROCESS,
            "measure_memory": "it does not say what its model takes",
            "sleep": "it falls asleep by itself (--sleep-idle-seconds), and there is no call for it",
            "progress": "it says no more than that it is loading",
        }
        found = {"embeddings": self._embeddings_lack, "kv_save": self._kv_lack}
        lacks |= {ability: lack for ability, lack in found.items() if lack is not None}
        capabilities = Capabilities(
            tokenize=True, kv_save=self._kv_lack is None, embeddings=self._embeddings_lack is None
        )
        return capabilities, lacks

    async def catalogue(self) -> tuple[str, ...]:
        """The one model. Raises `ProviderBusy` while it is loading."""
        entries = await self._entries()
        return tuple(sorted(entry.id for entry in entries))

    async def describe(self, model: str) -> Description:
        """What it says of its model."""
        entry = next((entry for entry in await self._entries() if entry.id == model), None)
        if entry is None:
            raise self._unknown(model)
        return await self._describe(entry, await self._props())

    async def resident(self) -> tuple[Residency, ...]:
        """Its model, awake or asleep. Raises `ProviderBusy` while it is loading."""
        props = await self._props()
        described = [await self._describe(entry, props) for entry in await self._entries()]
        return tuple(residency(one, asleep=props.asleep) for one in described)

    def window(self, model: str) -> int:
        """Tokens that a conversation may have."""
        return self._is.window

    def forget(self) -> None:
        """Something went wrong with it: it may be another one by now, with another model."""
        self._names = ()

    async def check(self, model: str) -> None:
        """Raises `InvalidModelId` for a model that it does not serve: it would answer with the one it has."""
        if model not in self._names and model not in await self.catalogue():
            raise self._unknown(model)

    async def _props(self) -> Props:
        props = read_props(await self._api.get("/props"))
        if props is None or props.router:
            raise ProviderBusy(
                provider=self._api.name, cause="another server answers there now", retry_after_ms=None
            )
        return props

    async def _entries(self) -> list[Listed]:
        api = self._api
        listed = await list_models(api.http, api.name, timeout_s=api.timeouts.status_s)
        entries = [read_entry(entry) for entry in listed]
        self._names = tuple(entry.id for entry in entries)
        return entries

    async def _describe(self, entry: Listed, props: Props) -> Description:
        known = Known(
            entry.id, props.path, props.window, props.slots, entry.about, f"llama.cpp {props.build_info}"
        )
        return await describe(known, self._placing)

    async def _no_embeddings(self) -> str | None:
        """Ask for vectors of nothing: a server that makes them complains of that, others of being asked."""
        answer = await self._api.try_post("/v1/embeddings", {})
        complaint = read_body(answer.body)
        if answer.status in (404, 501):
            return "it was started without --embeddings"
        return complaint.text if "pooling type" in complaint.words else None

    async def _no_saving(self) -> str | None:
        """Ask for an action that there is none of: a server that saves slots complains of that."""
        answer = await self._api.try_post("/slots/0", {}, {"action": "none"})
        return None if _knows_actions(answer) else "it was started without --slot-save-path"

    def _unknown(self, model: str) -> InvalidModelId:
        names = ", ".join(self._names) or "nothing yet"
        return InvalidModelId(model=model, problem=f"the llama-server serves {names}")


def _knows_actions(answer: Answer) -> bool:
    return answer.status == 400 and "invalid action" in read_body(answer.body).words
