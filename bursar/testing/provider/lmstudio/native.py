"""`/api/v1/models`: what is installed and loaded, loads and unloads."""

import asyncio

from starlette.responses import JSONResponse, Response

from ..world import Installed, Instance
from . import refusing
from .calls import Call
from .studio import Studio


async def models(call: Call) -> Response:
    """Everything installed, with its loaded instances."""
    studio = call.studio
    return JSONResponse({"models": [_listed(studio, model) for model in studio.world.models.values()]})


async def load(call: Call) -> Response:
    """Answers when it is loaded; goes on when nobody waits any more, and loads again what is loaded."""
    loop = asyncio.get_running_loop()
    model = call.studio.installed(call.body.get("model"))
    started = loop.time()
    instance = await call.studio.load(model, call.body)
    answer: dict[str, object] = {
        "type": model.kind,
        "instance_id": instance.id,
        "load_time_seconds": round(loop.time() - started, 3),
        "status": "loaded",
    }
    if call.body.get("echo_load_config"):
        answer["load_config"] = _config(instance)
    return JSONResponse(answer)


async def unload(call: Call) -> Response:
    """By the instance's id; a key is only the id of its first instance."""
    name = call.body.get("instance_id")
    if not isinstance(name, str):
        raise refusing.missing("instance_id")
    await call.studio.unload(name)
    return JSONResponse({"instance_id": name})


def publisher(model: Installed) -> str:
    """The part of a key before the stroke."""
    return model.name.rpartition("/")[0] or "lmstudio-community"


def _listed(studio: Studio, model: Installed) -> dict[str, object]:
    loaded = [{"id": instance.id, "config": _config(instance)} for instance in studio.instances(model)]
    llm = {
        "architecture": "llama",
        "capabilities": {"vision": False, "trained_for_tool_use": True},
        "description": None,
    }
    return {
        "type": model.kind,
        "publisher": publisher(model),
        "key": model.name,
        "display_name": model.name.rpartition("/")[2].replace("-", " ").title(),
        "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
        "size_bytes": model.size,
        "params_string": None,
        "loaded_instances": loaded,
        "max_context_length": model.context,
        "format": "gguf",
        **(llm if model.kind == "llm" else {}),
    }


def _config(instance: Instance) -> dict[str, object]:
    if instance.model.kind == "embedding":
        return {"context_length": instance.context}
    options = {name: value for name, value in instance.options.items() if name != "ttl"}
    defaults = {"eval_batch_size": 512, "flash_attention": True, "offload_kv_cache_to_gpu": True}
    return {"context_length": instance.context, "parallel": instance.parallel, **defaults, **options}
