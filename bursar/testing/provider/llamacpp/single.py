"""llama-server with one model, which comes and goes with its process."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..faults import Cut, Faulty
from ..world import Instance, LoadRefused, World
from . import refusing, shapes
from .endpoints import Call, endpoint
from .engine import Engine
from .flags import Flags
from .front import Front


def build(world: World, flags: Flags | None = None) -> ASGIApp:
    """A server with the first model of the world, in memory from the beginning.

    Unless loads may not go on (`world.may_load`): then it is loading when it is first asked.
    """
    single = _Single(world, flags or Flags())
    return Faulty(Front(world, single.flags.api_key, single.serve), world.faults)


class _Single:
    def __init__(self, world: World, flags: Flags) -> None:
        self.world, self.flags = world, flags
        model = next(iter(world.models.values()))
        self._instance = Instance(
            flags.alias or f"/models/{model.name}.gguf", model, flags.ctx_size, flags.parallel
        )
        self._engine: Engine | None = None
        self._loading: asyncio.Task[None] | None = None
        if world.may_load.is_set():
            self._instance.memory = world.memory_of(model, flags.ctx_size)
            world.instances[self._instance.id] = self._instance

    async def serve(self, call: Call) -> ASGIApp:
        """Answer, but for the time of loading, and not once the process has ended."""
        engine = self._loaded()
        if engine is None:
            if call.method == "GET" and call.path in ("/models", "/v1/models"):
                return JSONResponse(shapes.listing(self._instance.id, None))
            raise refusing.loading()
        if not engine.lives:
            return _Ended()
        handler, rest = endpoint(call.method, call.path)
        return await handler(engine, Call(call.method, call.path, call.query, call.body, call.receive, rest))

    def _loaded(self) -> Engine | None:
        if self._engine is None:
            if self._instance.id in self.world.instances:
                self._engine = Engine(self.world, self._instance, self.flags, {})
            elif self._loading is None:
                self._loading = asyncio.create_task(self._load())
        return self._engine

    async def _load(self) -> None:
        try:
            await self.world.load(self._instance)
        except LoadRefused:
            # The process ends, and there is nobody to say why.
            self._engine = Engine(self.world, self._instance, self.flags, {})


class _Ended:
    """The answer of a process that is gone: none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise Cut
