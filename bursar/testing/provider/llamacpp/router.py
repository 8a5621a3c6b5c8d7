"""llama-server without a model: it starts one process for each that is asked for, and hands requests on."""

import time
from collections.abc import AsyncGenerator

from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from ..attending import unless_gone
from ..events import event
from ..faults import Faulty
from ..world import Installed, World
from . import refusing, shapes
from .children import Children
from .endpoints import Call, endpoint
from .flags import RouterFlags
from .front import Front
from .refusing import Refused
from .shapes import Json
from .streaming import Events


def build(world: World, flags: RouterFlags | None = None) -> ASGIApp:
    """A router for the models of the world."""
    router = _Router(world, flags or RouterFlags())
    return Faulty(Front(world, router.flags.api_key, router.serve), world.faults)


class _Router:
    def __init__(self, world: World, flags: RouterFlags) -> None:
        self.world, self.flags = world, flags
        self._children = Children(world, flags)
        self._own = {
            ("GET", "/health"): self._health,
            ("GET", "/v1/health"): self._health,
            ("GET", "/models"): self._models,
            ("GET", "/v1/models"): self._models,
            ("GET", "/models/sse"): self._events,
            ("POST", "/models/load"): self._load,
            ("POST", "/models/unload"): self._unload,
        }

    async def serve(self, call: Call) -> ASGIApp:
        """Answer what is about the router, and hand on what is about a model."""
        own = self._own.get((call.method, call.path))
        if own is not None:
            return await own(call)
        if (call.method, call.path) == ("GET", "/props") and not call.query.get("model"):
            return JSONResponse(self._props())
        return await self._hand_on(call)

    async def _health(self, call: Call) -> ASGIApp:
        return JSONResponse({"status": "ok"})

    async def _models(self, call: Call) -> ASGIApp:
        data = [self._entry(model) for model in self.world.models.values()]
        return JSONResponse({"data": data, "object": "list"})

    async def _load(self, call: Call) -> ASGIApp:
        name = str(call.body.get("model", ""))
        if name not in self.world.models:
            raise Refused(404, "not_found_error", "model is not found")
        if self._children.status(name) != "unloaded":
            raise refusing.invalid("model is already running")
        await self._children.load(name)
        return JSONResponse({"success": True})

    async def _unload(self, call: Call) -> ASGIApp:
        name = str(call.body.get("model", ""))
        if name not in self.world.models:
            raise refusing.invalid("model is not found")
        if self._children.status(name) == "unloaded":
            raise refusing.invalid("model is not running")
        self._children.unload(name)
        return JSONResponse({"success": True})

    async def _events(self, call: Call) -> ASGIApp:
        if not self.flags.sse:
            raise refusing.no_path()
        return Events(self._changes(), self.flags.sse_ping_interval)

    async def _changes(self) -> AsyncGenerator[bytes, None]:
        queue = self._children.listen()
        try:
            while True:
                yield event(await queue.get())
        finally:
            self._children.forget(queue)

    async def _hand_on(self, call: Call) -> ASGIApp:
        handler, rest = endpoint(call.method, call.path)
        name = str(call.body.get("model", "") if call.method == "POST" else call.query.get("model", ""))
        self._check(name)
        if self._autoloads(call):
            if call.method == "GET" and self._children.status(name) == "unloaded":
                self.world.violations.append(f"GET {call.path} loaded {name}")
            await unless_gone(call.receive, self._children.ready(name))
        elif self._children.status(name) == "unloaded":
            raise refusing.invalid("model is not loaded")
        if call.method == "POST":
            self._children.use(name)
        engine = self._children.engine(name)
        return await handler(engine, Call(call.method, call.path, call.query, call.body, call.receive, rest))

    def _check(self, name: str) -> None:
        if not name:
            raise refusing.invalid("model name is missing from the request")
        if name not in self.world.models:
            raise refusing.invalid(f"model '{name}' not found")

    def _autoloads(self, call: Call) -> bool:
        asked = call.query.get("autoload", "")
        return asked in ("true", "1") if asked else self.flags.models_autoload

    def _entry(self, model: Installed) -> Json:
        status: Json = {"value": self._children.status(model.name), "args": self._args(model)}
        exit_code = self._children.exit_code(model.name)
        if exit_code:
            status |= {"exit_code": exit_code, "failed": True}
        entry: Json = {
            "id": model.name,
            "aliases": [],
            "tags": [],
            "object": "model",
            "owned_by": "llamacpp",
            "created": int(time.time()),
            "status": status,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "source": "models_dir",
            "can_remove": False,
        }
        instance = self.world.instances.get(model.name)
        return {**entry, "meta": shapes.meta(instance)} if instance else entry

    def _args(self, model: Installed) -> list[str]:
        flags = self._children.flags_of(model)
        args = ["llama-server", "--host", "127.0.0.1", "--port", "0", "--alias", model.name]
        args += ["--model", f"/models/{model.name}.gguf"]
        args += ["--ctx-size", str(flags.ctx_size), "--parallel", str(flags.parallel)]
        if flags.slot_save_path is not None:
            args += ["--slot-save-path", flags.slot_save_path]
        return [*args, "--embeddings"] if flags.embeddings else args

    def _props(self) -> Json:
        return {
            "role": "router",
            "max_instances": self.flags.models_max,
            "models_autoload": self.flags.models_autoload,
            "model_alias": "llama-server",
            "model_path": "none",
            "default_generation_settings": {"params": None, "n_ctx": 0},
            "ui_settings": {},
            "build_info": self.flags.build_info,
            "cors_proxy_enabled": False,
        }
