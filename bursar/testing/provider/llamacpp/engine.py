"""One model in memory: slots with what they remember, saved slots, and sleep."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ..world import Instance, World
from . import refusing
from .flags import Flags


@dataclass(slots=True)
class Slot:
    """Room for one conversation."""

    id: int
    #: What is in its memory of keys and values.
    tokens: list[int] = field(default_factory=list[int])
    busy: bool = False
    #: Of the last task: its number, and how many of its prompt's tokens were new and were there already.
    task: int | None = None
    computed: int = 0
    cached: int = 0
    predicted: int = 0
    limit: int = -1
    params: dict[str, Any] = field(default_factory=dict[str, Any])


class Engine:
    """Serves one instance of a world. `files` are the saved slots, which outlive it."""

    def __init__(self, world: World, instance: Instance, flags: Flags, files: dict[str, list[int]]) -> None:
        self.world, self.instance, self.flags, self._files = world, instance, flags, files
        self.slots = [Slot(n) for n in range(instance.parallel)]
        self.totals: Counter[str] = Counter()
        self._tasks = 0
        self._doze: asyncio.TimerHandle | None = None
        self._waking = asyncio.Lock()
        self._idle()

    @property
    def name(self) -> str:
        """The model's id."""
        return self.instance.id

    @property
    def window(self) -> int:
        """Tokens that a slot has room for."""
        return self.instance.context // self.instance.parallel

    @property
    def lives(self) -> bool:
        """Whether its process is still there."""
        return self.world.instances.get(self.instance.id) is self.instance

    async def awake(self, *, task: bool = False) -> None:
        """Have it in memory, as anything does that needs the model. Only a `task` keeps it awake."""
        async with self._waking:
            if self.instance.asleep:
                await asyncio.sleep(self.world.timing.load)
                await self.world.may_load.wait()
                self.instance.memory = self.world.memory_of(self.instance.model, self.instance.context)
                self.instance.asleep = False
                self.world.changed()
                self._idle()
        if task:
            self._idle()

    def doze(self) -> None:
        """Give weights and windows back, unless it is busy."""
        if self.instance.busy or not self.lives:
            return
        self.instance.asleep, self.instance.memory = True, 0
        for slot in self.slots:
            slot.tokens = []
        self.world.changed()

    @asynccontextmanager
    async def task(
        self, prompt: list[int], wanted: int, limit: int, params: dict[str, Any]
    ) -> AsyncGenerator[Slot, None]:
        """A slot for a prompt, once there is one: `wanted`, or the one that remembers most of it (-1)."""
        await self.awake(task=True)
        async with self.world.answering(self.instance), self._held(await self._free(prompt, wanted)) as slot:
            self._busy()
            self._begin(slot, prompt, limit, params)
            yield slot

    def save(self, number: int, filename: str) -> int:
        """Write a slot to a file; return how many tokens that were."""
        slot = self._slot(number)
        self._files[filename] = list(slot.tokens)
        return len(slot.tokens)

    def restore(self, number: int, filename: str) -> int:
        """Read a file into a slot; return how many tokens that were."""
        tokens = self._files.get(filename)
        slot = self._slot(number)
        if tokens is None:
            raise refusing.invalid(
                "Unable to restore slot: No available space in KV cache or invalid slot save file"
            )
        slot.tokens = [] if self.world.faults.restore_forgets else list(tokens)
        return len(tokens)

    def erase(self, number: int) -> int:
        """Empty a slot; return how many tokens were in it."""
        slot = self._slot(number)
        erased, slot.tokens = len(slot.tokens), []
        return erased

    def _slot(self, number: int) -> Slot:
        return self.slots[number % len(self.slots)]

    async def _free(self, prompt: list[int], wanted: int) -> Slot:
        candidates = self.slots if wanted < 0 else [self._slot(wanted)]
        while all(slot.busy for slot in candidates):
            await self.world.changes()
        return max(
            (slot for slot in candidates if not slot.busy),
            key=lambda slot: (common(slot.tokens, prompt), -slot.id),
        )

    @asynccontextmanager
    async def _held(self, slot: Slot) -> AsyncGenerator[Slot, None]:
        slot.busy = True
        try:
            yield slot
        finally:
            slot.busy = False
            self._idle()

    def _begin(self, slot: Slot, prompt: list[int], limit: int, params: dict[str, Any]) -> None:
        # One token at least is computed: the answer comes of it.
        slot.cached = min(common(slot.tokens, prompt), len(prompt) - 1)
        slot.computed, slot.predicted, slot.limit = len(prompt) - slot.cached, 0, limit
        slot.tokens, slot.task, slot.params = list(prompt), self._tasks, params
        self._tasks += 1
        self.totals["prompt"] += slot.computed
        self.totals["cached"] += slot.cached

    def _busy(self) -> None:
        if self._doze is not None:
            self._doze.cancel()

    def _idle(self) -> None:
        self._busy()
        if self.flags.sleep_idle_seconds is not None:
            loop = asyncio.get_running_loop()
            self._doze = loop.call_later(self.flags.sleep_idle_seconds, self.doze)


def common(first: list[int], second: list[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(first), len(second)))
