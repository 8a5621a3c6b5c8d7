"""Work for whoever asked, for as long as they are there."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.types import Receive

Result = TypeVar("Result")


class ClientGone(Exception):
    """There is nobody to answer any more."""


async def unless_gone(receive: Receive, work: Coroutine[object, object, Result]) -> Result:
    """Do the work, and cancel it when the client closes the connection. Raises `ClientGone`."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(until_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})
        # Looked at, so that nobody complains of an error that came when the client had gone.
        _ = working.cancelled() or working.exception()


async def until_gone(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
