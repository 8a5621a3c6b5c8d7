"""An owner that listens, in a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from bursar.eventstore.intake.serving import Limits, serve_appends
from bursar.eventstore.journal import Journal


@contextmanager
def owning(
    path: Path, *, limits: Limits | None = None, clock_ns: Callable[[], int] = time.time_ns
) -> Generator[Journal]:
    """Own a journal and append what is submitted, for a block; of the journal only figures may be read."""
    opened: Future[tuple[Journal, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        with Journal.open(path) as journal:
            async with serve_appends(journal, limits=limits or Limits(), clock_ns=clock_ns):
                over = asyncio.Event()
                opened.set_result((journal, asyncio.get_running_loop(), over))
                await over.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        journal, loop, over = opened.result()
    except BaseException:
        thread.join()
        raise
    try:
        yield journal
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
