"""What a simulated provider has installed and in memory, how fast it is, and what it saw."""

import asyncio
import hashlib
import math
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from ...domain.ports import ToolCall
from .faults import Faults

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on the provider's disk. Sizes in bytes, windows in tokens."""

    name: str
    size: int = GIB
    #: The largest window it was trained for.
    context: int = 8192
    kind: Literal["llm", "embedding"] = "llm"
    layers: int = 8
    kv_heads: int = 4
    head_size: int = 64

    @property
    def digest(self) -> str:
        """SHA-256 that stands for its weights."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    def kv_bytes(self, context: int) -> int:
        """Keys and values of a window, two bytes an element."""
        return self.layers * 2 * self.kv_heads * self.head_size * 2 * context


@dataclass(slots=True)
class Timing:
    """Seconds that things take."""

    load: float = 0.01
    unload: float = 0.0
    #: A token of the answer.
    token: float = 0.0


@dataclass(slots=True)
class Instance:
    """A model in memory."""

    id: str
    model: Installed
    context: int
    parallel: int = 1
    #: Whatever else it was loaded with.
    options: dict[str, object] = field(default_factory=dict[str, object])
    #: Bytes really taken.
    memory: int = 0
    #: Requests being answered.
    busy: int = 0
    asleep: bool = False
    #: Unloading was asked for and waits for the busy.
    leaving: bool = False


class World:
    """Ground truth: what is in `instances` is in memory, whatever anybody believes."""

    def __init__(self, models: Iterable[Installed], timing: Timing | None = None) -> None:
        self.models = {model.name: model for model in models}
        self.timing = timing or Timing()
        self.faults = Faults()
        #: What every chat asks for when its words are said.
        self.calls: list[ToolCall] = []
        #: In memory, by instance id.
        self.instances: dict[str, Instance] = {}
        #: Clear it, and loads wait until it is set again.
        self.may_load = asyncio.Event()
        #: Clear it, and answers wait before their next token.
        self.may_answer = asyncio.Event()
        #: Loads begun and unloads done so far.
        self.loads = 0
        self.unloads = 0
        #: Loads under way.
        self.loading = 0
        #: Method, path and body of every request, in order.
        self.requests: list[tuple[str, str, object]] = []
        #: What a careful client never does: load what is loaded, unload what is answering.
        self.violations: list[str] = []
        #: Set, and made anew, whenever something changed; see `changes`.
        self._changed = asyncio.Event()
        self.may_load.set()
        self.may_answer.set()

    def memory_of(self, model: Installed, context: int) -> int:
        """Bytes that it takes in memory with that window, faults included."""
        return (model.size + model.kv_bytes(context)) * self.faults.takes_per_mille // 1000

    def reported(self, instance: Instance) -> int:
        """Bytes that the provider says it takes."""
        return instance.memory * self.faults.reports_per_mille // 1000

    async def load(self, instance: Instance) -> Instance:
        """Bring an instance into memory; cancelling leaves nothing behind. Raises `LoadRefused`."""
        self.loads += 1
        if any(other.model == instance.model for other in self.instances.values()):
            self.violations.append(f"{instance.model.name} was loaded twice")
        self.loading += 1
        self.changed()
        try:
            await asyncio.sleep(self.timing.load)
            await self.may_load.wait()
        finally:
            self.loading -= 1
            self.changed()
        if self.faults.load_error is not None:
            raise LoadRefused(self.faults.load_error)
        if self.faults.grants_context is not None:
            instance.context = min(instance.context, self.faults.grants_context)
        instance.memory = self.memory_of(instance.model, instance.context)
        self.instances[instance.id] = instance
        self.changed()
        return instance

    async def unload(self, name: str) -> None:
        """Take an instance out of memory, as a kill does: whoever it answers is cut off."""
        if self.faults.unload_ignored:
            return
        await asyncio.sleep(self.timing.unload)
        instance = self.instances.pop(name, None)
        if instance and instance.busy:
            self.violations.append(f"{name} was unloaded while it answered {instance.busy}")
        self.unloads += instance is not None
        self.changed()

    def forget_all(self) -> None:
        """Everything in memory is gone, as after a crash or the hand of somebody else."""
        self.instances.clear()
        self.changed()

    @asynccontextmanager
    async def answering(self, instance: Instance) -> AsyncGenerator[None, None]:
        """Count a request as running on an instance."""
        instance.busy += 1
        self.changed()
        try:
            yield
        finally:
            instance.busy -= 1
            self.changed()

    async def words(self, instance: Instance, count: int) -> AsyncGenerator[str, None]:
        """The answer, a token at a time; raises `Gone` when the instance leaves memory meanwhile."""
        for n in range(count):
            await asyncio.sleep(self.timing.token)
            await self.may_answer.wait()
            if self.instances.get(instance.id) is not instance:
                raise Gone(instance.id)
            yield f"w{n} "

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changes(self) -> None:
        """Wait until something changes: tests wait for states, never for time."""
        await self._changed.wait()


class LoadRefused(Exception):
    """The load comes to nothing; the text is the provider's."""


class Gone(Exception):
    """The instance is not in memory any more."""


def tokens(text: str) -> list[int]:
    """Stand-in for a vocabulary: four characters, begun ones included, are a token."""
    return [int.from_bytes(text[at : at + 4].encode()[:6], "big") % 32000 for at in range(0, len(text), 4)]


def vector(text: str) -> list[float]:
    """Stand-in for a meaning: eight numbers of length one together, always the same for a text."""
    raw = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:8]]
    length = math.hypot(*raw)
    return [number / length for number in raw]
