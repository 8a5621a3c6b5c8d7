"""The provider port over embedded llama.cpp."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from ....domain.errors import ModelLoadFailed, ModelUnloadFailed, ModelVanished, ProviderUnavailable
from ....domain.models.values import Description, Residency
from ....domain.ports import ChatRequest, Chunk, LostListener
from ....domain.providers.values import Capabilities, Probe
from ...http.failures import HttpFailure
from ..base import ProviderBase
from .catalogue import find_models, locate
from .estimate import describe, engine_version
from .header import NotAModel
from .metadata import Metadata, read_metadata
from .process import ChildBusy, ChildFailed, ConnectionLost
from .records import Records
from .residents import Resident, Residents

#: Until the end of a process is known, after a connection to it broke.
_VERDICT_S = 2.0


class LlamaProvider(ProviderBase):
    """Runs the GGUF files below `folder`, each in a process of its own.

    `run_folder` belongs to one manager at a time. A child that loses its manager waits `orphan_grace_s` to be
    adopted by the next one, and ends. `context_tokens` is the window of each of the `slots`.
    A model computes with `threads`, or by default with half as many as there are processors.
    """

    def __init__(
        self,
        folder: Path,
        run_folder: Path,
        *,
        context_tokens: int = 2048,
        slots: int = 2,
        orphan_grace_s: float = 30,
        load_timeout_s: float = 600,
        threads: int = 0,
    ) -> None:
        super().__init__("llama")
        self._folder, self._context_tokens, self._slots = folder, context_tokens, slots
        self._load_timeout_s = load_timeout_s
        self._residents = Residents(
            Records(run_folder),
            orphan_grace_s=orphan_grace_s,
            load_timeout_s=load_timeout_s,
            threads=threads,
        )
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def capabilities(self) -> Capabilities:
        """A child can be started, ended and measured, and counts tokens."""
        return Capabilities(load=True, unload=True, measure_memory=True, tokenize=True)

    async def start(self, lost: LostListener) -> None:
        """Adopt the children of an earlier manager, and clear away what is left of others."""
        await super().start(lost)
        self._residents.lost = lost
        await self._residents.adopt_all()

    async def probe(self) -> Probe:
        """It is part of this program, and there as long as that is."""
        return Probe(reachable=True, version=engine_version(), capabilities=self.capabilities)

    async def catalogue(self) -> tuple[str, ...]:
        """Names of the GGUF files below the folder, without the ending."""
        return await asyncio.to_thread(find_models, self._folder)

    async def describe(self, model: str) -> Description:
        """Read the header of the model's file. Raises `InvalidModelId` or `ModelLoadFailed`."""
        _, metadata = await asyncio.to_thread(self._metadata, model)
        return describe(model, metadata, self._context_tokens, self._slots)

    async def load(self, description: Description) -> Residency:
        """Start a child with the window and slots of `description`, and return once it answers.

        One that is loaded like that already is left as it is, and one that is loaded otherwise is replaced.
        """
        model = description.model
        path, metadata = await asyncio.to_thread(self._metadata, model)
        async with self._locks[model]:
            try:
                resident = self._residents.get(model) or await self._residents.adopt(model)
                if resident and not resident.serves(description, metadata.digest):
                    await self._residents.end(resident)
                    resident = None
                resident = resident or await self._residents.begin(description, path, metadata.digest)
            except TimeoutError:
                cause = f"it did not answer within {self._load_timeout_s} s"
                raise ModelLoadFailed(model=model, cause=cause) from None
            except (ChildBusy, ChildFailed, ConnectionLost, OSError) as failure:
                raise ModelLoadFailed(model=model, cause=str(failure)) from failure
            return resident.residency()

    async def unload(self, model: str) -> None:
        """End the model's child, and return once its process is gone."""
        async with self._locks[model]:
            if resident := self._residents.get(model):
                try:
                    await self._residents.end(resident)
                except ChildFailed as failure:
                    raise ModelUnloadFailed(model=model, cause=str(failure)) from failure

    async def resident(self) -> tuple[Residency, ...]:
        """The children that live, own and adopted."""
        return tuple(resident.residency() for resident in self._residents)

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the answer of the model's child."""
        resident = self._resident(model)
        try:
            async with aclosing(resident.client.chat(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ProviderUnavailable as broken:
            await _check_alive(resident, broken)
            raise

    async def tokenize(self, model: str, text: str) -> tuple[int, ...]:
        """The tokens of a text, by the model's child."""
        resident = self._resident(model)
        try:
            return await resident.client.tokenize(text)
        except ProviderUnavailable as broken:
            await _check_alive(resident, broken)
            raise

    def model_file(self, model: str) -> str | None:
        """The file that it runs, of a model in parts the first. Raises `InvalidModelId`."""
        return str(locate(self._folder, model))

    def memory(self) -> dict[str, int]:
        """Bytes that each model's process holds, by model; cheap enough for a sensor."""
        return {resident.record.model: resident.child.rss() for resident in self._residents}

    def rss(self, model: str) -> int:
        """Bytes that the model's process holds; 0 when there is none."""
        resident = self._residents.get(model)
        return resident.child.rss() if resident else 0

    async def close(self) -> None:
        """Leave the children to the next manager, or to their grace."""
        await self._residents.let_go()

    def _resident(self, model: str) -> Resident:
        if resident := self._residents.get(model):
            return resident
        raise ModelVanished(model=model, cause="it is not in memory")

    def _metadata(self, model: str) -> tuple[Path, Metadata]:
        path = locate(self._folder, model)
        try:
            return path, read_metadata(path)
        except NotAModel as problem:
            raise ModelLoadFailed(model=model, cause=str(problem)) from problem
        except OSError as problem:
            raise ModelLoadFailed(model=model, cause=f"it cannot be read: {problem.strerror}") from problem


async def _check_alive(resident: Resident, broken: ProviderUnavailable) -> None:
    """Raise `ModelVanished` if it was a connection that broke, and because the process is gone."""
    if not isinstance(broken.__cause__, HttpFailure):
        return
    ended = resident.child.ended
    await asyncio.wait({ended}, timeout=_VERDICT_S)
    if ended.done() and not ended.cancelled():
        raise ModelVanished(model=resident.record.model, cause=ended.result()) from broken
