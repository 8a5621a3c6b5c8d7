"""Whatever a server does, the client says what it was, in time and in bounds."""

# What takes time is inside.
# pyright: reportPrivateUsage=false

import asyncio
import socket
from itertools import count

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
from bursar.adapters.http.limits import Caps, Timeouts
from bursar.adapters.http.port import Answer, StreamedAnswer

from .inside import connection_of, transport_of
from .servers import CHUNKED, OK, Script, Talk, answering, asking, hanging, serving, unknown, within_patience

SOON = Timeouts(pool_s=10, connect_s=10, idle_s=0.4, total_s=10)


async def lines_of(answer: StreamedAnswer) -> list[bytes]:
    return [line async for line in answer.lines()]


def test_nobody_listens() -> None:
    async def test() -> None:
        with socket.socket() as unheard:
            # Bound, so that nobody else takes the port, but not listened on.
            unheard.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
            with pytest.raises(ConnectRefused, match=f"nobody listens at {url}"):
                await HttpClient(url).request("GET", "/")

    within_patience(test)


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    async def test() -> None:
        with pytest.raises(ConnectFailed, match=r"the name in http://provider\.example is not known"):
            await HttpClient("http://provider.example").request("GET", "/")

    within_patience(test)


def test_a_name_that_leads_to_where_clouds_keep_secrets_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a name can whose owner changed what it stands for."""

    def found(*_arguments: object, **_options: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", found)

    async def test() -> None:
        with pytest.raises(ConnectFailed, match=r"leads to 169\.254\.169\.254"):
            await HttpClient("http://provider.example").request("GET", "/")

    within_patience(test)


def test_a_reset_in_the_middle_of_a_chunk_comes_after_what_was_sent_before_it() -> None:
    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(CHUNKED + b"4\r\none\n\r\n", b"8\r\ntwo")
        await talk.reader.readexactly(1)

    async def test() -> None:
        async with asking(script) as (client, server), client.stream("POST", "/", json={}) as answer:
            lines = answer.lines()
            assert await anext(lines) == b"one"
            server.talks[0].reset()
            with pytest.raises(ConnectionBroken, match="in the middle of its answer") as caught:
                await anext(lines)
            assert caught.value.answered

    within_patience(test)


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Le", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", True),
        (CHUNKED + b"2\r\nok\r\n", True),
    ],
)
def test_a_connection_that_ends_before_the_answer_does_is_broken(said: bytes, answered: bool) -> None:
    async def test() -> None:
        async with asking(answering(said)) as (client, server):
            with pytest.raises(ConnectionBroken) as caught:
                await client.request("POST", "/", json={})
            assert caught.value.answered is answered
            # On a connection that was new there is nothing to try again.
            assert len(server.talks) == 1

    within_patience(test)


async def endless_headers(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n")
    for number in count():
        await talk.say(b"X-%d: on and on\r\n" % number)


async def endless_line(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1 << 14):
        await talk.say(b"x" * (64 << 10))


async def endless_lines(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1 << 14):
        await talk.say((b"data: " + b"x" * 58 + b"\n\n") * 1000)


async def endless_comments(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1 << 14):
        await talk.say(b":\n" * 30_000)


@pytest.mark.parametrize(
    ("script", "part"),
    [
        (endless_headers, "headers"),
        (endless_line, "line"),
        (endless_lines, "stream"),
        (endless_comments, "stream"),
    ],
)
def test_what_never_ends_is_left_at_its_cap(script: Script, part: str) -> None:
    """A gibibyte is ready to be sent; little more than the cap and what sockets hold is taken."""

    async def test() -> None:
        async with asking(script, caps=Caps(line=1 << 18, stream=1 << 20)) as (client, server):
            with pytest.raises(TooLarge) as caught:
                async with client.stream("GET", "/") as answer:
                    _ = [event async for event in answer.events()]
            assert caught.value.part == part
            await server.talks[0].ended.wait()
            assert server.talks[0].sent_bytes < 32 << 20

    within_patience(test)


def test_a_whole_answer_is_left_at_its_cap() -> None:
    async def test() -> None:
        async with asking(endless_line, caps=Caps(body=1 << 20)) as (client, server):
            with pytest.raises(TooLarge) as caught:
                await client.request("GET", "/")
            assert (caught.value.part, caught.value.limit) == ("body", 1 << 20)
            assert server.talks[0].sent_bytes < 32 << 20

    within_patience(test)


def test_the_body_of_an_error_is_cut() -> None:
    async def test() -> None:
        body = b"so sorry " * 100_000
        head = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: %d\r\n\r\n" % len(body)
        async with asking(hanging(head + body)) as (client, _):
            answer = await client.request("GET", "/")
            assert answer == Answer(503, {"retry-after": "7", "content-length": "900000"}, body[: 64 << 10])
            async with client.stream("GET", "/") as streamed:
                assert (streamed.status, await streamed.read()) == (503, body[: 64 << 10])

    within_patience(test)


def test_a_compressed_answer_is_refused_before_it_grows() -> None:
    async def script(talk: Talk) -> None:
        request = await talk.hear()
        assert b"Accept-Encoding: identity\r\n" in request
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08")

    async def test() -> None:
        async with asking(script) as (client, _):
            with pytest.raises(BadAnswer, match="'gzip' encoding, which was not asked for"):
                await client.request("GET", "/")

    within_patience(test)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(status: int) -> None:
    async def test() -> None:
        async with serving(answering(OK)) as elsewhere:
            place = elsewhere.url.replace("http://", "http://user:secret@")
            said = b"HTTP/1.1 %d Go\r\nLocation: %b/latest?token=1\r\nContent-Length: 0\r\n\r\n"
            async with asking(answering(said % (status, place.encode()))) as (client, server):
                with pytest.raises(BadAnswer, match="a redirect") as caught:
                    await client.request("GET", "/")
            assert elsewhere.url.removeprefix("http://") in str(caught.value)
            assert "secret" not in str(caught.value) and "token" not in str(caught.value)
            assert (len(server.heard), elsewhere.talks) == (1, [])

    within_patience(test)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 302 Go\r\nLocation: http://169.254.169.254/latest\r\n\r\n", r"to '169\.254\.169\.254'"),
        (b"HTTP/1.1 302 Go\r\nLocation: //host:1/x\r\n\r\n", "to 'host:1'"),
        (b"HTTP/1.1 302 Go\r\nLocation: /elsewhere\r\n\r\n", r"a redirect \(302\)"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "another protocol"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP"),
        (b"220 mail.example ESMTP\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", "says twice how long"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(answer: bytes, words: str) -> None:
    async def test() -> None:
        async with asking(hanging(answer)) as (client, _):
            with pytest.raises(BadAnswer, match=words):
                await client.request("GET", "/")

    within_patience(test)


def test_an_answer_that_is_not_json_is_a_bad_one() -> None:
    with pytest.raises(BadAnswer, match="not JSON: b'<html>"):
        Answer(200, {}, b"<html>").json()


async def slow_headers(talk: Talk) -> None:
    await talk.hear()
    await talk.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        await talk.say(b"X: y\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("script", "wait"),
    [
        (hanging(), "headers"),
        (hanging(b"HTTP/1.1 200 OK\r\nX"), "headers"),
        (slow_headers, "headers"),
        (hanging(CHUNKED), "idle"),
        (hanging(CHUNKED + b"2\r\no\n\r\n"), "idle"),
    ],
)
def test_silence_ends_a_stream(script: Script, wait: str) -> None:
    async def test() -> None:
        async with asking(script, timeouts=SOON) as (client, server):
            with pytest.raises(TimedOut) as caught:
                async with client.stream("POST", "/", json={}) as answer:
                    await lines_of(answer)
            assert (caught.value.wait, caught.value.seconds) == (wait, 0.4)
            await server.talks[0].ended.wait()

    within_patience(test)


async def dripping(talk: Talk) -> None:
    await talk.hear()
    await talk.say(CHUNKED)
    while True:
        await talk.say(b"2\r\no\n\r\n")
        await asyncio.sleep(0.005)


def test_a_drip_of_bytes_is_no_silence_but_has_its_total_time() -> None:
    async def test() -> None:
        async with asking(dripping) as (client, _):
            with pytest.raises(TimedOut) as caught:
                async with client.stream("GET", "/", total_s=0.2) as answer:
                    await lines_of(answer)
            assert (caught.value.wait, caught.value.seconds) == ("total", 0.2)
            with pytest.raises(TimedOut) as caught:
                await client.request("GET", "/", timeout_s=0.2)
            assert caught.value.wait == "total"

    within_patience(test)


def test_the_total_time_holds_where_nothing_has_to_be_waited_for() -> None:
    async def test() -> None:
        async with asking(hanging(CHUNKED)) as (client, _):
            async with client.stream("GET", "/", total_s=0.05) as answer:
                connection = connection_of(client)
                lines = answer.lines()

                async def read() -> None:
                    while True:
                        # The next is always there before it is asked for.
                        connection.data_received(b"2\r\no\n\r\n")
                        assert await anext(lines) == b"o"
                        await asyncio.sleep(0)

                with pytest.raises(TimedOut) as caught:
                    await read()
            assert caught.value.wait == "total"

    within_patience(test)


def test_a_whole_answer_may_be_silent_for_as_long_as_it_may_take() -> None:
    """A load that is held open says nothing until it is done."""

    async def script(talk: Talk) -> None:
        await talk.hear()
        await asyncio.sleep(0.1)
        await talk.say(OK)

    async def test() -> None:
        async with asking(script, timeouts=SOON) as (client, _):
            assert (await client.request("POST", "/", json={}, timeout_s=10)).body == b"ok"

    within_patience(test)


def test_a_connection_that_does_not_come_about_in_time() -> None:
    """The server takes it, and says nothing to the greeting of TLS."""

    async def script(talk: Talk) -> None:
        await talk.gone()

    async def test() -> None:
        async with serving(script) as server:
            client = HttpClient(server.url.replace("http:", "https:"), timeouts=Timeouts(connect_s=0.05))
            # Reading the certificates counts, too, and could take all of that time.
            await transport_of(client)._connector._tls()
            with pytest.raises(TimedOut) as caught:
                await client.request("GET", "/")
            assert (caught.value.wait, caught.value.seconds) == ("connect", 0.05)
            with pytest.raises(TimedOut) as caught:
                await client.request("GET", "/", timeout_s=0.01)
            assert (caught.value.wait, caught.value.seconds) == ("total", 0.01)
            while not server.talks:
                await asyncio.sleep(0)
            await server.talks[0].ended.wait()

    within_patience(test)


def test_a_client_that_is_closed_fails_what_is_under_way_and_what_comes_later() -> None:
    async def test() -> None:
        async with asking(hanging()) as (client, server):
            request = asyncio.create_task(client.request("GET", "/"))
            while not server.heard:
                await asyncio.sleep(0)
            await client.close()
            with pytest.raises(ConnectionBroken):
                await request
            with pytest.raises(HttpFailure, match="is closed"):
                await client.request("GET", "/")
            assert len(server.talks) == 1

    within_patience(test)
