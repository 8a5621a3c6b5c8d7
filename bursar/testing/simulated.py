"""A provider that exists only in memory, with delays and faults drawn from a seed, and other people's hands.

It is the ground truth of a simulation: what it holds, it holds, whatever a manager believes, and it goes on
when a manager is killed. `violations` notes whatever it was asked that no manager may ask.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, Never

from ..adapters.providers.base import ProviderBase
from ..domain.errors import (
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    ModelVanished,
    ProviderBusy,
    ProviderTimeout,
    ProviderUnavailable,
)
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
    #: A load goes on for longer than is waited for it, and comes to a good end all the same.
    load_late: int = 0


#: `failing` answers nothing but errors, `busy` refuses, and `slow` takes twenty times as long.
Mood = Literal["well", "failing", "busy", "slow"]
_SLOWNESS = 20

#: What it can do unless it is told otherwise.
ALL = Capabilities(load=True, unload=True, measure_memory=True)


class SimulatedProvider(ProviderBase):
    """Implements `domain.ports.Provider`; sizes in bytes by model name."""

    def __init__(
        self,
        sizes: Mapping[str, int],
        *,
        seed: int = 0,
        faults: Faults = Faults(),
        slots: int = 2,
        capabilities: Capabilities = ALL,
    ) -> None:
        super().__init__("sim")
        self.capabilities = capabilities
        #: False while its process is not there.
        self.reachable = True
        #: While this is set it answers no question, neither with a list nor with an error.
        self.stalled = False
        #: Share of what its models take that it tells, in per-mille.
        self.tells_per_mille = 1000
        #: What sleeping models take, in bytes.
        self.asleep: dict[str, int] = {}
        #: Windows that somebody made smaller, in tokens.
        self.windows: dict[str, int] = {}
        #: Models that it is about to unload, and still lists.
        self.leaving: list[str] = []
        #: How it does at the moment.
        self.mood: Mood = "well"
        #: Told of every call for an answer or a load, before anything else.
        self.asked: Callable[[str], None] = lambda _model: None
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
        #: When loads end that nobody waits for any more.
        self._ready_at: dict[str, float] = {}
        #: Models that came into memory otherwise than by a load that was waited for.
        self._strange: list[str] = []

    async def probe(self) -> Probe:
        if not self.reachable:
            gone = self._gone()
            return Probe(reachable=False, code=gone.code, cause=str(gone))
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
        self._require()
        self._begin(model)
        self.loads += 1
        if model in self.held:
            return await self._loaded_already(model)
        self.held[model] = self.sizes[model]
        self._load_number[model] = self.loads
        self._check_limits()
        try:
            await asyncio.sleep(self._random.uniform(0.2, 8))
            if self.faults.load_late and self._strikes(self.faults.load_late):
                return self._go_on(model)
            if self._strikes(self.faults.load_fails) or model not in self.held:
                raise ModelLoadFailed(model=model, cause="the simulation says so")
        except ProviderTimeout:
            raise
        except BaseException:
            self._drop(model)
            raise
        if self._strikes(self.faults.takes_more):
            self.held[model] += self.sizes[model] // 2
        return self._residency(model)

    async def unload(self, model: str) -> None:
        self._require()
        self.unloads += 1
        if self.answering.get(model):
            self.violations.append(f"{model} was unloaded while it answered {self.answering[model]}")
        await asyncio.sleep(self._random.uniform(0.05, 1))
        if self._strikes(self.faults.unload_fails):
            raise ModelUnloadFailed(model=model, cause="the simulation says so")
        self._drop(model)

    async def sleep(self, model: str) -> Residency:
        if not self.capabilities.sleep:
            self.refuse("put a model to sleep")
        self._require()
        self.unloads += 1
        await asyncio.sleep(self._random.uniform(0.05, 1))
        if self._strikes(self.faults.unload_fails) or model not in self.held:
            raise ModelUnloadFailed(model=model, cause="the simulation says so")
        self.asleep[model] = self.held.pop(model) // 8
        return self._residency(model)

    async def wake(self, model: str) -> Residency:
        if not self.capabilities.sleep:
            self.refuse("wake a model")
        self._require()
        self.loads += 1
        await asyncio.sleep(self._random.uniform(0.05, 1))
        if self._strikes(self.faults.load_fails) or model not in self.asleep:
            raise ModelLoadFailed(model=model, cause="the simulation says so")
        del self.asleep[model]
        self.held[model] = self.sizes[model]
        self._load_number[model] = self.loads
        self._check_limits()
        return self._residency(model)

    async def resident(self) -> tuple[Residency, ...]:
        self._require()
        if self.stalled:
            await asyncio.sleep(3600)
        now = asyncio.get_running_loop().time()
        there = {name for name in self.held if now >= self._ready_at.get(name, now)}
        return tuple(self._residency(model) for model in sorted({*there, *self.asleep}))

    def memory(self) -> dict[str, int]:
        return dict(sorted({**self.asleep, **self.held}.items()))

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self._require()
        self._begin(model)
        if model in self.asleep:
            self.violations.append(f"{model} was asked while it slept")
        if model not in self.held:
            raise ModelVanished(model=model, cause="it is not in memory")
        self.answering[model] = self.answering.get(model, 0) + 1
        load = self._load_number[model]
        try:
            tokens = self._random.randrange(1, request.max_tokens or 20)
            for n in range(tokens):
                pause_s = self._random.uniform(0.01, 0.5)
                await asyncio.sleep(pause_s * _SLOWNESS if self.mood == "slow" else pause_s)
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
        if model in self.held:
            self._drop(model)
            self.lost(model, "the simulation killed it")

    def load_by_hand(self, model: str) -> None:
        """Somebody else loads a model, and nobody is told."""
        if self.reachable and model not in self.held and model not in self.asleep:
            self.held[model] = self.sizes[model]
            self._load_number[model] = self.loads
            self._strange.append(model)

    def unload_by_hand(self, model: str) -> None:
        """Somebody else unloads a model, or the provider does by itself, and nobody is told."""
        self._drop(model)

    def shrink_by_hand(self, model: str) -> None:
        """Somebody else has it loaded with half the window, which saves a quarter of its memory."""
        if model in self.held:
            self.held[model] = self.held[model] * 3 // 4
            self.windows[model] = 2048

    def forget_all(self) -> None:
        """It runs out of memory, and out of every model."""
        for model in tuple(self.memory()):
            self._drop(model)

    def go_away(self) -> None:
        """Its process ends, with every model."""
        self.forget_all()
        self.reachable = False

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
        size = self.memory()[model] * self.tells_per_mille // 1000
        return Residency(
            model=model,
            digest=model,
            memory={RAM: size} if self.capabilities.measure_memory else {},
            provenance="simulated",
            context_tokens=self.windows.get(model, 4096),
            slots=self._slots,
            asleep=model in self.asleep,
            leaving=model in self.leaving,
        )

    async def _loaded_already(self, model: str) -> Residency:
        """One that others loaded, or that still loads though nobody waits, is not loaded again."""
        if model not in self._strange:
            self.violations.append(f"{model} was loaded twice")
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._ready_at.get(model, now) - now))
        if model not in self.held:
            raise ModelLoadFailed(model=model, cause="it was unloaded meanwhile")
        return self._residency(model)

    def _go_on(self, model: str) -> Never:
        self._ready_at[model] = asyncio.get_running_loop().time() + self._random.uniform(1, 30)
        self._strange.append(model)
        raise ProviderTimeout(provider=self.name, cause="it has not been loaded in time")

    def _drop(self, model: str) -> None:
        for where in (self.held, self.asleep, self.windows, self._ready_at):
            where.pop(model, None)
        if model in self._strange:
            self._strange.remove(model)

    def _require(self) -> None:
        if not self.reachable:
            raise self._gone()

    def _begin(self, model: str) -> None:
        """A call comes in, at a good moment or a bad one."""
        self.asked(model)
        if self.mood == "failing":
            raise ProviderUnavailable(provider=self.name, cause="the simulation says so")
        if self.mood == "busy":
            wait_ms = self._random.choice((None, 1500, 40_000))
            raise ProviderBusy(provider=self.name, cause="the simulation says so", retry_after_ms=wait_ms)

    def _gone(self) -> ProviderUnavailable:
        return ProviderUnavailable(provider=self.name, cause="nobody listens at the simulation")

    def _strikes(self, per_mille: int) -> bool:
        return self._random.randrange(1000) < per_mille


class SimulatedSensor:
    """Implements `domain.ports.Sensor`: a machine with as much memory as it is told."""

    def __init__(self, provider: SimulatedProvider, prefix: str, total_bytes: int) -> None:
        self._provider = provider
        self._prefix = prefix
        self._total = total_bytes
        #: Whether it knows what the process of each model takes.
        self.knows_processes = True
        #: What other processes take.
        self.other_bytes = 0

    def read(self) -> Reading:
        models = {f"{self._prefix}:{name}": size for name, size in self._provider.memory().items()}
        used = min(self._total, sum(models.values()) + self.other_bytes)
        return Reading(
            devices=(DeviceReading(device=RAM, total_bytes=self._total, used_bytes=used),),
            cpu_per_mille=0,
            cores=2,
            models=models if self.knows_processes else {},
        )
