"""Real servers for ASGI applications: in this event loop, for tests, or for as long as a process lives."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

#: Turns of the loop from the acceptance of a connection until its server knows of it: three, and some more.
_ACCEPTING = 10


class Serving:
    """A server that runs in this loop; `stop` it and its connections break, `start` it again on its port."""

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._app, self._host, self._port = app, host, port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self._host}:{self._port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections) if self._server else 0

    async def start(self) -> None:
        """Listen, on the port of last time if there was one; returns once it answers. Raises `OSError`."""
        # Only with the protocol named does asyncio send what is written at once (TCP_NODELAY).
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._host, self._port))
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
        self._server.ended.set()
        await self._task
        self._server = self._task = None


class _Server(uvicorn.Server):
    """One that ends at once, and leaves the signals of the process alone: it is a guest here."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    def install_signal_handlers(self) -> None:
        """None."""

    async def main_loop(self) -> None:
        """Wait to be ended; uvicorn's own looks only every tenth of a second."""
        await self.on_tick(0)
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Break what is going on, as a kill does; uvicorn's own waits for it."""
        # A connection that asyncio accepted just before its listener is closed would stay open and never be
        # answered: what was accepted is waited for before that.
        for listener in sockets or ():
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in tuple(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        tasks = tuple(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[Serving, None]:
    """Serve for a block."""
    server = Serving(app)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
