"""Instances in memory: explicit loads, loads just in time, eviction and time to live."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ..world import Installed, Instance, LoadRefused, World
from . import refusing
from .refusing import Refused
from .switches import Switches

#: What a load may ask for besides its window.
_OPTIONS = ("eval_batch_size", "flash_attention", "num_experts", "offload_kv_cache_to_gpu")


class Studio:
    """A world as LM Studio keeps it."""

    def __init__(self, world: World, switches: Switches) -> None:
        self.world, self.switches = world, switches
        #: Downloads begun, by job: the model's name, and how often somebody asked.
        self.downloads: dict[str, tuple[str, int]] = {}
        #: What was said so far, by the id of the last answer.
        self.conversations: dict[object, list[str]] = {}
        #: Loads under way, by instance id.
        self._loading: dict[str, Installed] = {}
        self._places: dict[str, asyncio.Semaphore] = {}
        self._idle: dict[str, asyncio.TimerHandle] = {}
        self._expiring: set[asyncio.Task[None]] = set()

    def installed(self, name: object) -> Installed:
        """The model of that key. Raises `Refused`."""
        if not isinstance(name, str) or not name:
            raise refusing.missing("model")
        model = self.world.models.get(name)
        if model is None:
            raise refusing.not_installed(name, sorted(self.world.models))
        return model

    def instances(self, model: Installed) -> list[Instance]:
        """Those of a model that are in memory, oldest first."""
        return [instance for instance in self.world.instances.values() if instance.model == model]

    async def load(self, model: Installed, config: Mapping[str, Any]) -> Instance:
        """Bring one more instance into memory, whoever is there already. Raises `Refused`."""
        context = min(config.get("context_length") or self.switches.context, model.context)
        options = {name: config[name] for name in _OPTIONS if name in config}
        if model in self._loading.values():
            self.world.violations.append(f"{model.name} was loaded while it was being loaded")
        instance = Instance(self._free_id(model), model, context, self.switches.parallel, options)
        self._guard(instance)
        self._loading[instance.id] = model
        try:
            return await self.world.load(instance)
        except LoadRefused as refused:
            raise Refused(500, "model_load_failed", str(refused)) from refused
        finally:
            del self._loading[instance.id]

    async def unload(self, name: str) -> None:
        """Take an instance out of memory; whatever it generates is cut off. Raises `Refused`."""
        if name not in self.world.instances:
            raise refusing.no_instance(name)
        await self.world.unload(name)

    def loaded(self, name: object) -> Instance | None:
        """The instance that serves a name, by its own id or its model's key."""
        if isinstance(name, str) and name in self.world.instances:
            return self.world.instances[name]
        return next((each for each in self.world.instances.values() if each.model.name == name), None)

    async def find(
        self, name: object, *, ttl: float | None = None, config: Mapping[str, Any] | None = None
    ) -> Instance:
        """The instance that serves a name, loaded just in time if there is none. Raises `Refused`."""
        if found := self.loaded(name):
            return found
        if not self.switches.jit:
            raise refusing.none_loaded()
        return await self._just_in_time(self.installed(name), ttl, config or {})

    @asynccontextmanager
    async def answering(self, instance: Instance) -> AsyncGenerator[None, None]:
        """Wait for a free place, and hold it; the time to live begins again afterwards."""
        place = self._places.setdefault(instance.id, asyncio.Semaphore(instance.parallel))
        async with place, self.world.answering(instance):
            self._stop_clock(instance.id)
            try:
                yield
            finally:
                self._start_clock(instance)

    def crash(self, instance: Instance) -> None:
        """The engine of an instance dies."""
        self.world.instances.pop(instance.id, None)
        self.world.changed()

    def _free_id(self, model: Installed) -> str:
        taken = Counter([*self.world.instances, *self._loading])
        number = 1
        while taken[name := model.name if number == 1 else f"{model.name}:{number}"]:
            number += 1
        return name

    def _guard(self, instance: Instance) -> None:
        need = self.world.memory_of(instance.model, instance.context)
        in_all = need + sum(other.memory for other in self.world.instances.values())
        if self.switches.guardrail is not None and in_all > self.switches.guardrail:
            raise refusing.guarded(need)
        if self.switches.memory is not None and in_all > self.switches.memory:
            raise refusing.aborted()

    async def _just_in_time(self, model: Installed, ttl: float | None, config: Mapping[str, Any]) -> Instance:
        """Evicts every other model that came like this, even one that is answering (its issue #671)."""
        if self.switches.v1:
            self.world.violations.append(f"{model.name} was loaded just in time")
        for other in tuple(self.world.instances.values()):
            if self.switches.keep_last_jit and "ttl" in other.options and other.model != model:
                await self.world.unload(other.id)
        instance = await self.load(model, config)
        instance.options["ttl"] = self.switches.jit_ttl if ttl is None else ttl
        self._start_clock(instance)
        return instance

    def _start_clock(self, instance: Instance) -> None:
        ttl = instance.options.get("ttl")
        if isinstance(ttl, int | float) and self.world.instances.get(instance.id) is instance:
            self._stop_clock(instance.id)
            loop = asyncio.get_running_loop()
            self._idle[instance.id] = loop.call_later(ttl, self._time_is_over, instance)

    def _stop_clock(self, name: str) -> None:
        if clock := self._idle.pop(name, None):
            clock.cancel()

    def _time_is_over(self, instance: Instance) -> None:
        if self.world.instances.get(instance.id) is instance and not instance.busy:
            task = asyncio.get_running_loop().create_task(self.world.unload(instance.id))
            self._expiring.add(task)
            task.add_done_callback(self._expiring.discard)
