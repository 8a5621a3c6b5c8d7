"""What is not a whole answer is an error, and says which."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from bursar.adapters.providers.llama.client import Client
from bursar.adapters.providers.llama.process import ConnectionLost
from bursar.domain.errors import ProviderUnavailable
from bursar.domain.ports import Chunk

from .llama_world import HELLO, within_patience

GOOD = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (GOOD, ConnectionLost, "ended before it was complete"),
        (GOOD + b"data: [DONE]\n\n", ConnectionLost, "ended before it was complete"),
        (b"data: nonsense\n\n", ProviderUnavailable, "answered with nonsense"),
        (b'data: {"choices":[3]}\n\n', ProviderUnavailable, r'answered with {"choices":\[3\]}'),
        (b'data: {"error":{"message":"no","type":"server_error"}}\n\n', ProviderUnavailable, "200: no"),
        (b"data: " + b"x" * (3 << 20), ProviderUnavailable, "a line of more than"),
    ],
)
def test_a_stream_that_is_not_a_whole_answer_is_an_error(
    body: bytes, kind: type[Exception], reason: str
) -> None:
    async def test() -> None:
        async with one_answer(b"HTTP/1.1 200 OK\r\n\r\n" + body) as client:
            with pytest.raises(kind, match=reason):
                _ = [chunk async for chunk in client.chat(HELLO)]

    within_patience(test)


def test_pings_and_carriage_returns_in_a_stream_are_passed_over() -> None:
    async def test() -> None:
        body = (b": ping\n\n" + GOOD + END + USAGE + b"data: [DONE]\n\n").replace(b"\n", b"\r\n")
        async with one_answer(b"HTTP/1.1 200 OK\r\n\r\n" + body) as client:
            assert [chunk async for chunk in client.chat(HELLO)] == [
                Chunk(text="Hi"),
                Chunk(done=True, finish_reason="stop", prompt_tokens=3, completion_tokens=1),
            ]

    within_patience(test)


def test_an_http_error_is_reported_with_its_status_and_a_short_excerpt() -> None:
    async def test() -> None:
        async with one_answer(b"HTTP/1.1 503 Busy\r\n\r\n" + b"so sorry " * 100_000) as client:
            with pytest.raises(ProviderUnavailable) as caught:
                _ = [chunk async for chunk in client.chat(HELLO)]
            assert "status 503: so sorry so sorry" in str(caught.value)
            assert len(str(caught.value)) < 500

    within_patience(test)


@asynccontextmanager
async def one_answer(answer: bytes) -> AsyncGenerator[Client, None]:
    """A server that says this to every request, and a client for it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    port: int = server.sockets[0].getsockname()[1]
    client = Client("tiny", f"http://127.0.0.1:{port}", "key", slots=1)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await server.wait_closed()
