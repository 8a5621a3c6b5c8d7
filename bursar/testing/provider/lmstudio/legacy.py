"""The lists of `/api/v0` and of `/v1`."""

from starlette.responses import JSONResponse, Response

from ..world import Installed
from .calls import Call
from .native import publisher
from .studio import Studio


async def models(call: Call) -> Response:
    """Everything installed, and whether it is loaded."""
    data = [_listed(call.studio, model) for model in call.studio.world.models.values()]
    return JSONResponse({"object": "list", "data": data})


async def model(call: Call) -> Response:
    """One of them."""
    return JSONResponse(_listed(call.studio, call.studio.installed(call.params["id"])))


async def openai_models(call: Call) -> Response:
    """Everything installed, or with loading just in time off only what is loaded."""
    world = call.studio.world
    loaded = [instance.model.name for instance in world.instances.values()]
    names = list(world.models) if call.studio.switches.jit else list(dict.fromkeys(loaded))
    data = [{"id": name, "object": "model", "owned_by": "organization_owner"} for name in names]
    return JSONResponse({"object": "list", "data": data})


def _listed(studio: Studio, model: Installed) -> dict[str, object]:
    instances = studio.instances(model)
    loaded = {"loaded_context_length": instances[0].context} if instances else {}
    return {
        "id": model.name,
        "object": "model",
        "type": "llm" if model.kind == "llm" else "embeddings",
        "publisher": publisher(model),
        "arch": "llama",
        "compatibility_type": "gguf",
        "quantization": "Q4_K_M",
        "state": "loaded" if instances else "not-loaded",
        "max_context_length": model.context,
        **loaded,
    }
