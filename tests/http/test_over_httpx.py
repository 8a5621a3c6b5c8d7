"""Any transport of httpx may take the place of ours, and fails in the same terms."""

import asyncio
import socket
import subprocess
import sys

import httpx
import pytest

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.failures import (
    BadAnswer,
    ConnectFailed,
    ConnectionBroken,
    ConnectRefused,
    HttpFailure,
    TimedOut,
    TooLarge,
)
from bursar.adapters.http.limits import CAPS, Caps, Timeouts

from .servers import CHUNKED, Script, answering, hanging, serving, unknown, within_patience

SOON = Timeouts(connect_s=5, idle_s=0.5)


def client_of(url: str, caps: Caps = CAPS) -> HttpClient:
    transport = httpx.AsyncHTTPTransport(trust_env=False)
    return HttpClient(url, headers={"X-Key": "k"}, timeouts=SOON, caps=caps, transport=transport)


def test_a_mock_of_httpx_answers() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("POST", "http://provider:1/v0/a?q=b%20c")
        assert (request.headers["x-key"], request.headers["host"]) == ("k", "provider:1")
        return httpx.Response(201, headers={"X-Answer": "1"}, content=request.content)

    async def test() -> None:
        client = HttpClient(
            "http://provider:1/v0", headers={"X-Key": "k"}, transport=httpx.MockTransport(answer)
        )
        got = await client.request("POST", "/a", json={"x": 1}, query={"q": "b c"})
        assert (got.status, got.headers["x-answer"], got.json()) == (201, "1", {"x": 1})
        await client.close()

    within_patience(test)


def test_a_stream_of_httpx_is_read_as_ours() -> None:
    async def test() -> None:
        async with serving(answering(CHUNKED + b"9\r\ndata: a\n\n\r\n0\r\n\r\n")) as server:
            client = client_of(server.url)
            async with client.stream("GET", "/") as answer:
                assert [event.data async for event in answer.events()] == [b"a"]
            await client.close()

    within_patience(test)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (answering(b""), ConnectionBroken),
        (answering(CHUNKED + b"2\r\no\n\r\n"), ConnectionBroken),
        (answering(b"SSH-2.0-x\r\n\r\n"), BadAnswer),
        (answering(b"HTTP/1.1 302 Go\r\nLocation: //host\r\nContent-Length: 0\r\n\r\n"), BadAnswer),
        (hanging(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nxx"), BadAnswer),
        (hanging(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101), TooLarge),
        (hanging(), TimedOut),
        (hanging(CHUNKED), TimedOut),
    ],
)
def test_failures_of_httpx_are_told_in_our_terms(script: Script, kind: type[HttpFailure]) -> None:
    async def test() -> None:
        async with serving(script) as server:
            client = client_of(server.url, Caps(line=100))
            with pytest.raises(kind):
                async with client.stream("GET", "/") as answer:
                    _ = [line async for line in answer.lines()]
            await client.close()

    within_patience(test)


def test_refused_and_unknown_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        with pytest.raises(ConnectRefused, match="nobody listens"):
            await client_of("http://127.0.0.1:1").request("GET", "/")
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(ConnectFailed):
            await client_of("http://provider.example").request("GET", "/")

    within_patience(test)


def test_the_total_time_holds_with_httpx_too() -> None:
    async def test() -> None:
        async with serving(hanging()) as server:
            client = client_of(server.url)
            with pytest.raises(TimedOut) as caught:
                await client.request("GET", "/", timeout_s=0.05)
            assert (caught.value.wait, caught.value.seconds) == ("total", 0.05)
            await client.close()

    within_patience(test)


def test_cancelling_closes_the_connection_of_httpx_too() -> None:
    async def test() -> None:
        async with serving(hanging(CHUNKED)) as server:
            client = client_of(server.url)
            request = asyncio.create_task(client.request("GET", "/", timeout_s=10))
            while not server.heard:
                await asyncio.sleep(0)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await server.talks[0].ended.wait()
            await client.close()

    within_patience(test)


def test_httpx_is_imported_only_by_who_needs_it() -> None:
    """It takes longer than all else that a command of ours imports."""
    code = "import sys, bursar.adapters.http.client; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
