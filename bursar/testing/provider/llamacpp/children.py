"""The models of a router: each a process of its own that is started, put aside, found dead."""

import asyncio
from dataclasses import replace
from typing import Any

from ..world import Installed, Instance, LoadRefused, World
from . import refusing
from .engine import Engine
from .flags import QUEUES_LOADS, Flags, RouterFlags
from .refusing import Refused
from .shapes import Json

#: What a process that could not load, or was killed while it did, leaves as its exit status.
_FAILED = 1


class Children:
    """What is loaded is what the world has in memory; the rest of what a router knows is here."""

    def __init__(self, world: World, flags: RouterFlags) -> None:
        self.world, self.flags = world, flags
        self._engines: dict[str, Engine] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, int] = {}
        #: Names, the one that was used longest ago first. Only POSTs count as use.
        self._used: list[str] = []
        self._files: dict[str, list[int]] = {}
        self._listeners: set[asyncio.Queue[Json]] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def status(self, name: str) -> str:
        """As `/models` says it."""
        instance = self.world.instances.get(name)
        if instance is not None:
            return "sleeping" if instance.asleep else "loaded"
        return "loading" if name in self._loading else "unloaded"

    def running(self) -> list[str]:
        """Loading, loaded and sleeping ones: all of them count as running."""
        return [name for name in self.world.models if self.status(name) != "unloaded"]

    def exit_code(self, name: str) -> int | None:
        """Of the process that failed last; None when it lives or ended well."""
        return self._failed.get(name) if self.status(name) == "unloaded" else None

    def engine(self, name: str) -> Engine:
        """Of a loaded one. Raises `Refused` while it is loading, as its process does."""
        if self.status(name) == "loading":
            raise refusing.loading()
        instance = self.world.instances.get(name)
        if instance is None:
            raise refusing.invalid(f"model name={name} is not running")
        engine = self._engines.get(name)
        if engine is None or engine.instance is not instance:
            engine = Engine(self.world, instance, self.flags_of(instance.model), self._files)
            self._engines[name] = engine
        return engine

    def flags_of(self, model: Installed) -> Flags:
        """What its process is started with."""
        return replace(self.flags, embeddings=self.flags.embeddings or model.kind == "embedding")

    def use(self, name: str) -> None:
        """Note that somebody asked it for something."""
        self._used = [*(one for one in self._used if one != name), name]

    async def load(self, name: str) -> None:
        """Start its process, and return at once. Raises `Refused` when there are as many as may be."""
        if self._full() and (victim := self._victim()):
            await self._end(victim)
        if self._full():
            raise Refused(500, "server_error", "model limit reached, try again later")
        if name not in self._loading:
            self.use(name)
            self._failed.pop(name, None)
            self._loading[name] = asyncio.create_task(self._start(name))
            self._tell("model_status", name, {"status": "loading"})

    async def ready(self, name: str) -> None:
        """Have it loaded, as a request does that comes with autoload."""
        if self.status(name) == "unloaded":
            while self._full() and not self._victim():
                await self.world.changes()
            await self.load(name)
        while self.status(name) == "loading":
            await self.world.changes()
        if self.status(name) == "unloaded":
            raise Refused(500, "server_error", f"model name={name} failed to load")

    def unload(self, name: str) -> None:
        """Have its process end, and return at once; one that is loading is killed."""
        if self.world.faults.unload_ignored:
            return
        if self.status(name) == "loading":
            self._loading[name].cancel()
            return
        ending = asyncio.create_task(self._end(name))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def listen(self) -> asyncio.Queue[Json]:
        """Hear of every change from now on."""
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def forget(self, queue: asyncio.Queue[Json]) -> None:
        """Hear no more."""
        self._listeners.discard(queue)

    def _full(self) -> bool:
        return 0 < self.flags.models_max <= len(self.running())

    def _victim(self) -> str | None:
        """The one used longest ago. Until loads were queued: whatever it was doing."""
        candidates = [name for name in self._used if name in self.running()]
        if self.flags.build >= QUEUES_LOADS:
            candidates = [name for name in candidates if self.status(name) != "loading"]
            candidates = [name for name in candidates if not self.world.instances[name].busy]
        return next(iter(candidates), None)

    async def _end(self, name: str) -> None:
        if task := self._loading.get(name):
            task.cancel()
            await asyncio.wait({task})
        else:
            await self.world.unload(name)
            self._tell("status_change", name, {"status": "unloaded", "exit_code": 0})

    async def _start(self, name: str) -> None:
        model, flags = self.world.models[name], self.flags
        self._progress(name, 0.0)
        try:
            await self.world.load(Instance(name, model, flags.ctx_size, flags.parallel))
        except (LoadRefused, asyncio.CancelledError):
            self._failed[name] = _FAILED
        finally:
            del self._loading[name]
        if name in self._failed:
            self._tell("status_change", name, {"status": "unloaded", "exit_code": _FAILED})
        else:
            self._progress(name, 1.0)
            self._tell("status_change", name, {"status": "loaded"})
        self.world.changed()

    def _progress(self, name: str, value: float) -> None:
        stages: dict[str, Any] = {"stages": ["text_model"], "current": "text_model", "value": value}
        self._tell("status_change", name, {"status": "loading", "progress": stages})

    def _tell(self, event: str, name: str, data: Json) -> None:
        for listener in self._listeners:
            listener.put_nowait({"model": name, "event": event, "data": data})
