"""A provider that exists only in memory, with delays and faults drawn from a seed.

It is the ground truth of a simulation: what it holds, it holds, whatever a manager believes, and it goes on
when a manager is killed. `violations` notes whatever it was asked that no manager may ask.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from random import Random

from ..adapters.providers.base import ProviderBase
from ..domain.errors import InvalidModelId, ModelLoadFailed, ModelUnloadFailed, ModelVanished
from ..domain.models.values import RAM, Description, DeviceReading, Reading, Residency
from ..domain.ports import ChatRequest, Chunk
from ..domain.providers.values import Capabilities, Probe


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances of each fault, in per-mille of the occasions."""

    load_fails: int = 0
    unload_fails: int = 0
    dies_while_answering: int = 0
    #: The model takes half as much again as was estimated.
    takes_more: int = 0


class SimulatedProvider(ProviderBase):
    """Implements `domain.ports.Provider`; sizes in bytes by model name."""

    capabilities = Capabilities(load=True, unload=True, measure_memory=True)

    def __init__(
        self, sizes: Mapping[str, int], *, seed: int = 0, faults: Faults = Faults(), slots: int = 2
    ) -> None:
        super().__init__("sim")
        self.sizes = dict(sizes)
        self.faults = faults
        #: What is really in memory, in bytes.
        self.held: dict[str, int] = {}
        #: Answers being generated, by model.
        self.answering: dict[str, int] = {}
        #: Loads and unloads asked for so far.
        self.loads = 0
        self.unloads = 0
        #: What no manager may ever have it hold at once.
        self.limit_bytes: int | None = None
        self.limit_models: int | None = None
        #: What should never have been asked.
        self.violations: list[str] = []
        self._slots = slots
        self._random = Random(seed)
        #: Number of the load that brought each model in: an answer ends with the load it began with.
        self._load_number: dict[str, int] = {}

    async def probe(self) -> Probe:
        return Probe(reachable=True, version="simulated", capabilities=self.capabilities)

    async def catalogue(self) -> tuple[str, ...]:
        return tuple(sorted(self.sizes))

    async def describe(self, model: str) -> Description:
        if model not in self.sizes:
            raise InvalidModelId(model=model, problem="the simulated provider has no such model")
        return Description(
            model=model,
            digest=model,
            engine="simulated",
            device=RAM,
            weights_bytes=self.sizes[model],
            kv_bytes_per_token=0,
            context_tokens=4096,
            overhead_bytes=0,
            slots=self._slots,
            provenance="simulated",
        )

    async def load(self, description: Description) -> Residency:
        model = description.model
        self.loads += 1
        if model in self.held:
            self.violations.append(f"{model} was loaded twice")
        self.held[model] = self.sizes[model]
        self._load_number[model] = self.loads
        self._check_limits()
        try:
            await asyncio.sleep(self._random.uniform(0.2, 8))
            if self._strikes(self.faults.load_fails):
                raise ModelLoadFailed(model=model, cause="the simulation says so")
        except BaseException:
            self.held.pop(model, None)
            raise
        if self._strikes(self.faults.takes_more):
            self.held[model] += self.sizes[model] // 2
        return self._residency(model)

    async def unload(self, model: str) -> None:
        self.unloads += 1
        if self.answering.get(model):
            self.violations.append(f"{model} was unloaded while it answered {self.answering[model]}")
        await asyncio.sleep(self._random.uniform(0.05, 1))
        if self._strikes(self.faults.unload_fails):
            raise ModelUnloadFailed(model=model, cause="the simulation says so")
        self.held.pop(model, None)

    async def resident(self) -> tuple[Residency, ...]:
        return tuple(self._residency(model) for model in sorted(self.held))

    def memory(self) -> dict[str, int]:
        return dict(sorted(self.held.items()))

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        if model not in self.held:
            raise ModelVanished(model=model, cause="it is not in memory")
        self.answering[model] = self.answering.get(model, 0) + 1
        load = self._load_number[model]
        try:
            tokens = self._random.randrange(1, request.max_tokens or 20)
            for n in range(tokens):
                await asyncio.sleep(self._random.uniform(0.01, 0.5))
                if not self._holds(model, load):
                    raise ModelVanished(model=model, cause="it died")
                if self._strikes(self.faults.dies_while_answering):
                    self.kill(model)
                    raise ModelVanished(model=model, cause="it died")
                yield Chunk(text=f"{n} ")
            yield Chunk(done=True, finish_reason="stop", prompt_tokens=7, completion_tokens=tokens)
        finally:
            self.answering[model] -= 1

    async def close(self) -> None:
        self._hear_nothing()

    def kill(self, model: str) -> None:
        """The model dies, and the provider notices."""
        if self.held.pop(model, None) is not None:
            self.lost(model, "the simulation killed it")

    def forget_manager(self) -> None:
        """The manager was killed: nobody hears of what happens any more, and its calls are over."""
        self._hear_nothing()
        self.answering.clear()

    def _hear_nothing(self) -> None:
        self.lost = lambda model, cause: None

    def _holds(self, model: str, load: int) -> bool:
        return model in self.held and self._load_number[model] == load

    def _check_limits(self) -> None:
        if self.limit_bytes is not None and sum(self.held.values()) > self.limit_bytes:
            self.violations.append(f"{self.held} is more than {self.limit_bytes} bytes")
        if self.limit_models is not None and len(self.held) > self.limit_models:
            self.violations.append(f"{sorted(self.held)} are more than {self.limit_models} models")

    def _residency(self, model: str) -> Residency:
        return Residency(
            model=model,
            digest=model,
            memory={RAM: self.held[model]},
            provenance="simulated",
            context_tokens=4096,
            slots=self._slots,
        )

    def _strikes(self, per_mille: int) -> bool:
        return self._random.randrange(1000) < per_mille


class SimulatedSensor:
    """Implements `domain.ports.Sensor`: a machine with as much memory as it is told."""

    def __init__(self, provider: SimulatedProvider, prefix: str, total_bytes: int) -> None:
        self._provider = provider
        self._prefix = prefix
        self._total = total_bytes
        #: What other processes take.
        self.other_bytes = 0

    def read(self) -> Reading:
        models = {f"{self._prefix}:{name}": size for name, size in self._provider.memory().items()}
        used = min(self._total, sum(models.values()) + self.other_bytes)
        return Reading(
            devices=(DeviceReading(device=RAM, total_bytes=self._total, used_bytes=used),),
            cpu_per_mille=0,
            cores=2,
            models=models,
        )
