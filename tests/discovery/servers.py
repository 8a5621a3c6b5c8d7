"""Servers that are looked for, and others that are where those should be."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bursar.testing.provider.serving import Serving, serving
from bursar.testing.provider.world import Installed, World

VLLM_MODELS = {"object": "list", "data": [{"id": "big", "owned_by": "vllm", "max_model_len": 4096}]}


def world() -> World:
    """One with a model, none of it in memory."""
    return World([Installed("small")])


def saying(answers: dict[str, Response | object]) -> ASGIApp:
    """A server that has these answers (JSON where nothing else is said) and no others."""

    def route(path: str, answer: Response | object) -> Route:
        given = answer if isinstance(answer, Response) else JSONResponse(answer)

        async def say(_request: Request) -> Response:
            return given

        return Route(path, say)

    return Starlette(routes=[route(path, answer) for path, answer in answers.items()])


@asynccontextmanager
async def several(*apps: ASGIApp) -> AsyncGenerator[list[Serving], None]:
    """A server for each, for a block."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(app)) for app in apps]


@asynccontextmanager
async def silent() -> AsyncGenerator[str, None]:
    """A server that takes connections and says nothing; its URL."""

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for writer in writers:
            writer.close()
        server.close()
