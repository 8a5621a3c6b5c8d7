"""The end of an answer, once all that matters of it has come."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from ...http.failures import HttpFailure

#: It comes with the last word, or not at all.
_FINISH_S = 0.1


async def finish(rest: AsyncGenerator[object, None]) -> None:
    """Read what is left, so that the connection can be used again; some servers never close it."""
    with suppress(HttpFailure, TimeoutError):
        async with asyncio.timeout(_FINISH_S):
            async for _ in rest:
                pass
