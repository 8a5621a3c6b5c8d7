"""The child's answers: what is not a whole one is an error, and says which."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from bursar.adapters.http.failures import HttpFailure
from bursar.adapters.providers.llama.client import Client, Window
from bursar.adapters.providers.llama.process import ConnectionLost
from bursar.domain.errors import ModelLoadFailed, ProviderUnavailable
from bursar.domain.ports import Chunk

from .llama_world import HELLO, within_patience

GOOD = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
WHOLE = b"HTTP/1.1 200 OK\r\n\r\n"
#: In the middle of a chunk: as when a process is killed.
CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n5\r\ndat" % (len(GOOD), GOOD)


@pytest.mark.parametrize(
    ("answer", "lost", "reason"),
    [
        (b"", True, "closed the connection before its answer, while it served tiny"),
        (CUT, True, "in the middle of its answer, while it served tiny"),
        (WHOLE + GOOD, False, "the answer of tiny ended before it was complete"),
        (WHOLE + b"data: nonsense\n\n", False, "tiny answered with nonsense"),
        (WHOLE + b'data: {"error":{"message":"no","type":"server_error"}}\n\n', False, "no"),
    ],
)
def test_only_a_connection_that_broke_may_mean_that_the_process_is_gone(
    answer: bytes, lost: bool, reason: str
) -> None:
    async def test() -> None:
        async with one_answer(answer) as client:
            with pytest.raises(ProviderUnavailable, match=reason) as caught:
                _ = [chunk async for chunk in client.chat(HELLO)]
            assert isinstance(caught.value.__cause__, HttpFailure) is lost

    within_patience(test)


def test_pings_and_carriage_returns_in_a_stream_are_passed_over() -> None:
    async def test() -> None:
        body = (b": ping\n\n" + GOOD + END + USAGE + b"data: [DONE]\n\n").replace(b"\n", b"\r\n")
        async with one_answer(WHOLE + body) as client:
            assert [chunk async for chunk in client.chat(HELLO)] == [
                Chunk(text="Hi"),
                Chunk(done=True, finish_reason="stop", prompt_tokens=3, completion_tokens=1),
            ]

    within_patience(test)


def test_an_http_error_is_reported_with_its_status_and_a_short_excerpt() -> None:
    async def test() -> None:
        async with one_answer(b"HTTP/1.1 500 Oh\r\n\r\n" + b"so sorry " * 100_000) as client:
            with pytest.raises(ProviderUnavailable) as caught:
                _ = [chunk async for chunk in client.chat(HELLO)]
            assert "status 500: so sorry so sorry" in str(caught.value)
            assert len(str(caught.value)) < 500

    within_patience(test)


def test_the_window_is_what_the_engine_says_it_allocated() -> None:
    async def test() -> None:
        body = b'{"total_slots":2,"default_generation_settings":{"n_ctx":512}}'
        async with one_answer(WHOLE + body) as client:
            assert await client.window() == Window(slots=2, context_tokens=1024)

    within_patience(test)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (b"", ConnectionLost, "closed the connection before its answer"),
        (WHOLE + b"<html>", ConnectionLost, "not JSON"),
        (WHOLE + b'{"total_slots":2}', ProviderUnavailable, "described itself strangely"),
        (WHOLE + b"[]", ProviderUnavailable, "described itself strangely"),
        (b"HTTP/1.1 500 Oh\r\n\r\nno", ModelLoadFailed, "status 500: no"),
    ],
)
def test_a_child_that_does_not_describe_itself_is_not_used(
    answer: bytes, kind: type[Exception], reason: str
) -> None:
    async def test() -> None:
        async with one_answer(answer) as client:
            with pytest.raises(kind, match=reason):
                await client.window()

    within_patience(test)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"tokens":"x"}', "counted tokens strangely"),
        (b"[]", "counted tokens strangely"),
        (b"nonsense", "not JSON"),
    ],
)
def test_tokens_that_are_none_are_an_error(body: bytes, reason: str) -> None:
    async def test() -> None:
        async with one_answer(WHOLE + body) as client:
            with pytest.raises(ProviderUnavailable, match=reason):
                await client.tokenize("a")

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
