"""A simulated Ollama in a thread of its own, for clients that block."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager

from bursar.testing.provider.ollama import Switches, build
from bursar.testing.provider.serving import Serving
from bursar.testing.provider.world import World


@contextmanager
def in_thread(world: World, switches: Switches | None = None) -> Generator[str, None, None]:
    """The URL of a server that runs while the block does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Serving(build(world, switches))
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
