"""llama-swap and LocalAI behind OpenAI's API: nothing that is asked of them loads, but a request."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.port import Http
from bursar.adapters.providers.openai import OpenAIProvider
from bursar.adapters.providers.wire.openai import embed
from bursar.domain.errors import ProviderBusy, ProviderUnavailable
from bursar.testing.provider.openai import Quirks, build
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

from .lab import ANSWER, LAST, ask, with_provider

SWAP, LOCAL = Quirks(like="llama-swap", limit=1), Quirks(like="localai")


@pytest.mark.parametrize("quirks", [SWAP, LOCAL], ids=["llama-swap", "localai"])
def test_asking_how_it_is_and_what_it_has_loads_nothing(quirks: Quirks) -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        await provider.probe()
        await provider.catalogue()
        await provider.describe("llm")
        await provider.resident()
        assert world.loads == 0
        assert {(method, path) for method, path, _ in world.requests} == {("GET", "/v1/models")}

    with_provider(talk, quirks)


@pytest.mark.parametrize("quirks", [SWAP, LOCAL], ids=["llama-swap", "localai"])
def test_a_request_loads_and_is_answered(quirks: Quirks) -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        assert await ask(provider) == [*ANSWER, LAST]
        assert (world.loads, list(world.instances)) == (1, ["llm"])

    with_provider(talk, quirks)


def test_llama_swap_says_when_to_come_again() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        world.may_answer.clear()
        first = asyncio.ensure_future(ask(provider))
        while not sum(instance.busy for instance in world.instances.values()):
            await world.changes()
        with pytest.raises(ProviderBusy, match="too many concurrent requests") as caught:
            await ask(provider)
        assert caught.value.values["retry_after_ms"] == 1000
        world.may_answer.set()
        await first

    with_provider(talk, SWAP)


def test_localai_says_so_while_it_cools_down_after_a_load_that_failed() -> None:
    async def talk(provider: OpenAIProvider, world: World) -> None:
        world.faults.load_error = "grpc service not ready"
        with pytest.raises(ProviderUnavailable, match="grpc service not ready"):
            await ask(provider)
        with pytest.raises(ProviderBusy) as caught:
            await ask(provider)
        assert caught.value.values["retry_after_ms"] == 5000
        assert world.loads == 1

    with_provider(talk, LOCAL)


def test_llama_swap_tells_what_runs_unloads_and_loads_on_a_get() -> None:
    async def talk(http: Http, world: World) -> None:
        assert (await http.request("GET", "/running")).json() == {"running": []}
        await http.request("GET", "/upstream/llm/props")
        (running,) = (await http.request("GET", "/running")).json()["running"]
        assert (running["model"], running["state"]) == ("llm", "ready")
        listed = (await http.request("GET", "/v1/models")).json()["data"]
        assert {row["id"]: row["status"]["value"] for row in listed} == {
            "llm": "loaded",
            "vectors": "unloaded",
        }
        # One model at a time, by default.
        await embed(http, "lab", "vectors", ["a"])
        assert list(world.instances) == ["vectors"]
        await http.request("POST", "/api/models/unload/vectors")
        assert world.instances == {}
        await http.request("GET", "/upstream/llm/props")
        await http.request("POST", "/api/models/unload")
        assert world.instances == {}

    with_http(talk, SWAP)


def test_localai_measures_loads_and_unloads() -> None:
    async def talk(http: Http, world: World) -> None:
        query = {"model": "llm"}
        assert (await http.request("GET", "/backend/monitor", query=query)).status == 404
        await http.request("POST", "/backend/load", json=query)
        monitored = (await http.request("GET", "/backend/monitor", query=query)).json()
        assert monitored == {"state": 1, "memory": {"total": world.instances["llm"].memory}}
        await http.request("POST", "/backend/shutdown", json=query)
        assert world.instances == {}

    with_http(talk, LOCAL)


def with_http(talk: Callable[[Http, World], Coroutine[Any, Any, object]], quirks: Quirks) -> None:
    """Talk to such a server without an adapter."""

    async def test() -> None:
        world = World([Installed("llm"), Installed("vectors", kind="embedding")])
        async with asyncio.timeout(30), serving(build(world, quirks)) as server:
            http = HttpClient(server.url)
            try:
                await talk(http, world)
            finally:
                await http.close()

    asyncio.run(test())
