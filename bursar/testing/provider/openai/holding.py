"""Which models are in memory: OpenAI's servers do not say, llama-swap and LocalAI load what is asked for."""

import asyncio
from collections import defaultdict

from ..world import Instance, LoadRefused, World
from .quirks import Quirks
from .refusing import Refused, unknown_model


class Holding:
    """A world as such a server keeps it."""

    def __init__(self, world: World, quirks: Quirks) -> None:
        self._world, self._quirks = world, quirks
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: Models whose last load failed, which LocalAI does not try again for a while.
        self.cooling: set[str] = set()

    async def instance(self, name: str) -> Instance:
        """The instance that serves a name. Raises `Refused`."""
        model = self._world.models.get(name)
        if model is None:
            raise unknown_model(name)
        async with self._locks[name]:
            if found := self._world.instances.get(name):
                return found
            instance = Instance(name, model, model.context)
            if self._quirks.like:
                return await self._load(instance)
            instance.memory = self._world.memory_of(model, model.context)
            self._world.instances[name] = instance
            self._world.changed()
            return instance

    async def _load(self, instance: Instance) -> Instance:
        if instance.id in self.cooling:
            text = f"model {instance.id} is cooling down after a failed load"
            raise Refused(503, text, kind="server_error", headers={"Retry-After": "5"})
        if self._quirks.like == "llama-swap":
            for other in tuple(self._world.instances):
                await self._world.unload(other)
        try:
            return await self._world.load(instance)
        except LoadRefused as refused:
            if self._quirks.like == "localai":
                self.cooling.add(instance.id)
            raise Refused(500, str(refused), kind="server_error") from refused
