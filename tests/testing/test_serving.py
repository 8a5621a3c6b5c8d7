"""A server that is stopped breaks every connection, those included that it has only just accepted."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from bursar.testing.provider.serving import Serving


@pytest.mark.parametrize("turns", range(8))
def test_whoever_connects_while_it_stops_is_not_left_waiting(turns: int) -> None:
    async def test() -> None:
        server = Serving(PlainTextResponse("well"))
        for _ in range(5):
            await server.start()
            port = int(server.url.rpartition(":")[2])
            coming = [asyncio.ensure_future(_read_all(port)) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.stop()
            await asyncio.gather(*coming)

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())


async def _read_all(port: int) -> None:
    """Ask, and read until the connection ends, however it does."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.read()
        writer.close()
    except OSError:
        return
