"""The `openai` package as a client of a simulator."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from openai import AsyncOpenAI
from starlette.types import ASGIApp

from bursar.testing.provider.serving import serving


def with_openai(
    app: ASGIApp, talk: Callable[[AsyncOpenAI], Coroutine[Any, Any, object]], *, key: str = "sk-right-key"
) -> None:
    """Serve it, and have a conversation; nothing is tried twice."""

    async def test() -> None:
        async with (
            asyncio.timeout(30),
            serving(app) as server,
            AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as client,
        ):
            await talk(client)

    asyncio.run(test())
