"""What llama-swap and LocalAI have besides OpenAI's endpoints."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..world import World
from .holding import Holding
from .intake import Intake
from .quirks import Quirks
from .refusing import unknown_model


def routes(world: World, quirks: Quirks, holding: Holding, intake: Intake) -> list[Route]:
    """The endpoints of what it is like."""
    if quirks.like == "llama-swap":
        return _swap(world, holding, intake)
    return _local(world, holding, intake) if quirks.like == "localai" else []


def _swap(world: World, holding: Holding, intake: Intake) -> list[Route]:
    async def running(request: Request, body: dict[str, Any]) -> Response:
        rows = [
            {"model": name, "state": "ready", "cmd": "", "proxy": "", "ttl": 0, "name": "", "description": ""}
            for name in world.instances
        ]
        return JSONResponse({"running": rows})

    async def unload(request: Request, body: dict[str, Any]) -> Response:
        chosen = request.path_params.get("model")
        for name in [chosen] if chosen else list(world.instances):
            await world.unload(name)
        return PlainTextResponse("OK")

    async def upstream(request: Request, body: dict[str, Any]) -> Response:
        """Passes on to the model's own server, which is started for it: a GET that loads."""
        await holding.instance(request.path_params["model"])
        return PlainTextResponse("OK")

    return [
        Route("/running", intake.taken(running), methods=["GET"]),
        Route("/api/models/unload", intake.taken(unload), methods=["POST"]),
        Route("/api/models/unload/{model}", intake.taken(unload), methods=["POST"]),
        Route("/upstream/{model}/{path:path}", intake.taken(upstream), methods=["GET", "POST"]),
    ]


def _local(world: World, holding: Holding, intake: Intake) -> list[Route]:
    async def monitor(request: Request, body: dict[str, Any]) -> Response:
        found = world.instances.get(request.query_params.get("model", ""))
        if found is None:
            raise unknown_model(request.query_params.get("model"))
        memory = {"total": world.reported(found)}
        return JSONResponse({"state": 2 if found.busy else 1, "memory": memory})

    async def load(request: Request, body: dict[str, Any]) -> Response:
        await holding.instance(str(body.get("model")))
        return JSONResponse({})

    async def shutdown(request: Request, body: dict[str, Any]) -> Response:
        await world.unload(str(body.get("model")))
        return JSONResponse({})

    return [
        Route("/backend/monitor", intake.taken(monitor), methods=["GET"]),
        Route("/backend/load", intake.taken(load), methods=["POST"]),
        Route("/backend/shutdown", intake.taken(shutdown), methods=["POST"]),
    ]
