"""Real servers for ASGI applications: in this event loop, for tests, or for as long as a process lives."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp


class Serving:
    """A server that runs in this loop; `stop` it and its connections break, `start` it again on its port."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, on the port of last time if there was one; returns once it answers."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(self._app, lifespan="off", log_level="critical", timeout_graceful_shutdown=0)
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:  # noqa: ASYNC110 - it says so nowhere else
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Break every connection and refuse new ones, as a provider that is killed does."""
        if self._server is None or self._task is None:
            return
        for connection in tuple(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        self._server.should_exit = True
        await self._task
        self._server = self._task = None


class _Server(uvicorn.Server):
    """One that leaves the signals of the process alone: it is a guest here."""

    def install_signal_handlers(self) -> None:
        """None."""


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[Serving, None]:
    """Serve for a block."""
    server = Serving(app)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
