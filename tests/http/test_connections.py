"""Connections are few, used again, and never carry over anything of the request before."""

# What is bounded is inside.
# pyright: reportPrivateUsage=false

import asyncio

import pytest

from bursar.adapters.http import lean
from bursar.adapters.http.failures import ConnectionBroken, TimedOut
from bursar.adapters.http.limits import Connections

from .inside import connection_of, transport_of, until
from .servers import CHUNKED, OK, Script, Talk, answering_each, asking, hanging, within_patience


def test_a_connection_is_used_again_after_answers_of_every_framing() -> None:
    async def script(talk: Talk) -> None:
        for answer in (
            OK,
            b"HTTP/1.1 204 No Content\r\n\r\n",
            CHUNKED + b"2\r\nok\r\n0\r\nTrailer: late\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno",
        ):
            await talk.hear()
            await talk.say(answer)

    async def test() -> None:
        async with asking(script) as (client, server):
            answers = [await client.request("GET", f"/{number}") for number in range(5)]
            assert [(answer.status, answer.body) for answer in answers] == [
                (200, b"ok"),
                (204, b""),
                (200, b"ok"),
                (200, b""),
                (500, b"no"),
            ]
            assert len(server.talks) == 1

    within_patience(test)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        # Longer than it says: the next answer would begin with the rest.
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ],
)
def test_a_connection_is_not_used_again_when_it_may_not_be(answer: bytes) -> None:
    async def test() -> None:
        async with asking(hanging(answer)) as (client, server):
            assert [(await client.request("GET", "/")).body for _ in range(2)] == [b"ok", b"ok"]
            assert len(server.talks) == 2

    within_patience(test)


def test_the_time_of_one_request_is_not_that_of_the_next() -> None:
    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(OK)
        await talk.hear()
        await talk.gone()

    async def test() -> None:
        async with asking(script) as (client, server):
            # It waits for its answer, and so has a timer.
            await client.request("GET", "/", timeout_s=1000)
            with pytest.raises(TimedOut):
                await client.request("GET", "/", timeout_s=0.05)
            assert len(server.talks) == 1

    within_patience(test)


def test_what_comes_without_being_asked_for_is_nobodys_answer() -> None:
    async def test() -> None:
        async with asking(answering_each) as (client, server):
            await client.request("GET", "/")
            await server.talks[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            await server.talks[0].ended.wait()
            assert (await client.request("GET", "/")).body == b"ok"
            assert len(server.talks) == 2

    within_patience(test)


def test_nothing_is_kept_between_requests() -> None:
    async def script(talk: Talk) -> None:
        while True:
            await talk.hear()
            await talk.say(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    async def test() -> None:
        async with asking(script, headers={"Authorization": "Bearer key"}) as (client, server):
            for _ in range(2):
                await client.request("GET", "/")
            assert server.heard[0] == server.heard[1]
            assert b"Authorization: Bearer key\r\n" in server.heard[0]

    within_patience(test)


def closing_at_request(number: int, *, at_connection: int = 1) -> Script:
    """Serve, and close without a word on hearing that request: as if it had been closed already."""
    connections = 0

    async def script(talk: Talk) -> None:
        nonlocal connections
        connections += 1
        mine = connections
        for request in range(1, 100):
            await talk.hear()
            if mine >= at_connection and request == number:
                return
            await talk.say(OK)

    return script


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stale_connection_is_replaced_and_the_request_sent_again(method: str) -> None:
    async def test() -> None:
        async with asking(closing_at_request(2)) as (client, server):
            for number in range(3):
                assert (await client.request(method, f"/{number}", json=[number])).body == b"ok"
            targets = [request.split()[1] for request in server.heard]
            assert targets == [b"/0", b"/1", b"/1", b"/2", b"/2"]

    within_patience(test)


def test_a_stale_connection_that_is_reset_is_replaced_too() -> None:
    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(OK)
        await talk.hear()
        talk.reset()

    async def test() -> None:
        async with asking(script) as (client, server):
            for _ in range(2):
                assert (await client.request("POST", "/", json={})).body == b"ok"
            assert len(server.talks) == 2

    within_patience(test)


def test_with_a_stale_connection_those_go_that_were_used_before_it() -> None:
    async def test() -> None:
        forever = Connections(spare_s=1000)
        async with asking(closing_at_request(2), connections=forever) as (client, server):
            async with client.stream("GET", "/") as one, client.stream("GET", "/") as other:
                assert await one.read() == await other.read() == b"ok"
            assert len(transport_of(client)._spares) == 2
            assert (await client.request("GET", "/")).body == b"ok"
            assert len(server.talks) == 3
            await server.talks[0].ended.wait()
            await server.talks[1].ended.wait()

    within_patience(test)


def test_a_connection_closed_while_spare_is_not_even_tried() -> None:
    async def test() -> None:
        async with asking(closing_at_request(99)) as (client, server):
            await client.request("GET", "/")
            connection = connection_of(client)
            server.talks[0].writer.close()
            await until(lambda: not connection.usable)
            assert (await client.request("GET", "/")).body == b"ok"
            assert len(server.heard) == 2

    within_patience(test)


async def refusing_later(talk: Talk) -> None:
    """The first connection answers once; every later one is closed at its request."""
    first = not talk.heard
    while True:
        await talk.hear()
        if not first or len(talk.heard) > 1:
            return
        await talk.say(OK)


def test_a_request_is_sent_again_only_once() -> None:
    async def test() -> None:
        async with asking(refusing_later) as (client, server):
            await client.request("POST", "/load", json={})
            with pytest.raises(ConnectionBroken):
                await client.request("POST", "/load", json={})
            assert len(server.heard) == 3

    within_patience(test)


def test_a_request_is_not_sent_again_once_a_byte_of_an_answer_came() -> None:
    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(OK)
        await talk.hear()
        await talk.say(b"H")

    async def test() -> None:
        async with asking(script) as (client, server):
            await client.request("POST", "/", json={})
            with pytest.raises(ConnectionBroken):
                await client.request("POST", "/", json={})
            assert len(server.heard) == 2

    within_patience(test)


def test_a_request_is_not_sent_again_when_the_server_had_time_to_take_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lean, "_STALE_S", -1.0)

    async def test() -> None:
        async with asking(closing_at_request(2)) as (client, server):
            await client.request("POST", "/load", json={})
            with pytest.raises(ConnectionBroken):
                await client.request("POST", "/load", json={})
            assert len(server.heard) == 2

    within_patience(test)


def test_a_spare_connection_is_closed_after_a_while() -> None:
    async def test() -> None:
        async with asking(answering_each, connections=Connections(spare_s=0.02)) as (client, server):
            await client.request("GET", "/")
            await server.talks[0].ended.wait()
            assert (await client.request("GET", "/")).body == b"ok"
            assert len(server.talks) == 2

    within_patience(test)


def test_a_connection_whose_answer_paused_reading_serves_the_next_request() -> None:
    """All of the answer is there, and too much to read ahead; it is left, and the connection kept."""

    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
        await talk.hear()
        await talk.say(OK)

    async def test() -> None:
        async with asking(script) as (client, server):
            async with client.stream("GET", "/"):
                connection = connection_of(client)
                # What a socket gives at one time is chance, so we say what came.
                connection.data_received(b"x" * 200_000)
                assert connection._paused
            assert (await client.request("GET", "/")).body == b"ok"
            assert len(server.talks) == 1

    within_patience(test)


def test_who_reads_slowly_makes_the_server_wait() -> None:
    async def script(talk: Talk) -> None:
        await talk.hear()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        for _ in range(1 << 10):
            await talk.say(b"x" * (64 << 10))

    async def test() -> None:
        async with asking(script) as (client, server), client.stream("GET", "/") as answer:
            # Read ahead, this often, it would be all there.
            for _ in range(2000):
                await asyncio.sleep(0)
            assert connection_of(client)._ahead <= (64 + 256) << 10
            assert server.talks[0].sent_bytes < 32 << 20
            assert await answer.read() == b"x" * (64 << 20)

    within_patience(test)


@pytest.mark.parametrize("said", [b"", CHUNKED, CHUNKED + b"2\r\no\n\r\n"])
def test_cancelling_closes_the_connection(said: bytes) -> None:
    async def test() -> None:
        async with asking(hanging(said)) as (client, server):

            async def ask() -> None:
                async with client.stream("POST", "/", json={}) as answer:
                    _ = [line async for line in answer.lines()]

            task = asyncio.create_task(ask())
            await until(lambda: server.heard and server.talks[0].sent_bytes == len(said))
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.talks[0].ended.wait()
            assert len(transport_of(client)._spares) == 0

    within_patience(test)


def test_leaving_a_stream_before_its_end_closes_the_connection() -> None:
    async def test() -> None:
        async with asking(hanging(CHUNKED + b"2\r\no\n\r\n")) as (client, server):
            async with client.stream("GET", "/") as answer:
                lines = answer.lines()
                assert await anext(lines) == b"o"
            await server.talks[0].ended.wait()
            with pytest.raises(ConnectionBroken, match="left before its end"):
                await anext(lines)

    within_patience(test)


def test_a_connection_on_which_a_request_is_still_being_sent_is_not_used_again() -> None:
    """The server answered before it had heard all of it."""

    async def script(talk: Talk) -> None:
        await talk.reader.readuntil(b"\r\n\r\n")
        await talk.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.Event().wait()

    async def test() -> None:
        async with asking(script) as (client, _):
            answer = await client.request("POST", "/", json="x" * (32 << 20))
            assert (answer.status, answer.body) == (413, b"no")
            assert transport_of(client)._spares == []

    within_patience(test)
