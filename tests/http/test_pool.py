"""Connections are bounded in number; who waits for one does so in turn, and every end frees one."""

# What is bounded is inside.
# pyright: reportPrivateUsage=false

import asyncio

import pytest

from bursar.adapters.http.failures import BadAnswer, ConnectFailed, ConnectionBroken, TimedOut
from bursar.adapters.http.limits import Connections, Timeouts

from .inside import transport_of, until
from .servers import Talk, answering_each, asking, hanging, within_patience

ONE = Connections(most=1)


def test_who_finds_no_connection_free_waits_for_one_in_turn() -> None:
    async def test() -> None:
        async with asking(answering_each, connections=ONE) as (client, server):
            async with client.stream("GET", "/first") as answer:
                others = [asyncio.create_task(client.request("GET", f"/{number}")) for number in range(5)]
                for _ in range(20):
                    await asyncio.sleep(0)
                assert len(server.heard) == 1
                assert await answer.read() == b"ok"
            assert {(await other).status for other in others} == {200}
            targets = [request.split()[1] for request in server.heard]
            assert targets == [b"/first", b"/0", b"/1", b"/2", b"/3", b"/4"]
            assert len(server.talks) == 1

    within_patience(test)


def test_who_waits_for_a_connection_does_so_for_a_time_and_loses_nothing() -> None:
    async def test() -> None:
        timeouts = Timeouts(pool_s=0.05, total_s=10)
        async with asking(answering_each, connections=ONE, timeouts=timeouts) as (client, _):
            async with client.stream("GET", "/"):
                with pytest.raises(TimedOut) as caught:
                    await client.request("GET", "/")
                assert (caught.value.wait, caught.value.seconds) == ("pool", 0.05)
                with pytest.raises(TimedOut) as caught:
                    await client.request("GET", "/", timeout_s=0.01)
                assert (caught.value.wait, caught.value.seconds) == ("total", 0.01)
                waiting = asyncio.create_task(client.request("GET", "/"))
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            assert (await client.request("GET", "/")).body == b"ok"

    within_patience(test)


def test_too_many_do_not_even_wait() -> None:
    async def test() -> None:
        connections = Connections(most=1, waiting=1)
        async with asking(answering_each, connections=connections) as (client, _):
            for _ in range(2):
                async with client.stream("GET", "/") as answer:
                    waiting = asyncio.create_task(client.request("GET", "/"))
                    await asyncio.sleep(0)
                    with pytest.raises(TimedOut) as caught:
                        await client.request("GET", "/")
                    assert caught.value.wait == "pool"
                    await answer.read()
                assert (await waiting).status == 200

    within_patience(test)


def test_a_failed_request_gives_its_place_back() -> None:
    async def test() -> None:
        async with asking(hanging(), connections=ONE) as (client, _):
            for _ in range(3):
                with pytest.raises(TimedOut):
                    await client.request("GET", "/", timeout_s=0.02)
                assert not transport_of(client)._free.locked()
            await until(lambda: not transport_of(client)._all)

    within_patience(test)


def test_a_refused_answer_gives_its_place_back() -> None:
    async def script(talk: Talk) -> None:
        while True:
            await talk.hear()
            await talk.say(b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    async def test() -> None:
        async with asking(script, connections=ONE) as (client, _):
            for _ in range(2):
                with pytest.raises(BadAnswer):
                    await client.request("GET", "/")

    within_patience(test)


@pytest.mark.parametrize("turns", range(6))
def test_closing_ends_a_request_wherever_it_is(turns: int) -> None:
    async def test() -> None:
        async with asking(hanging()) as (client, _):
            request = asyncio.create_task(client.request("GET", "/"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await client.close()
            with pytest.raises((ConnectFailed, ConnectionBroken)):
                await request

    within_patience(test)
