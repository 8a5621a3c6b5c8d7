"""The adapter over a router."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from bursar.adapters.providers.llamacpp import LlamaCppServer
from bursar.domain.errors import (
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    ModelVanished,
    ProviderBusy,
    ProviderUnavailable,
)
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.llamacpp import RouterFlags, build, build_router
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World

from .world import ENDLESS, HASTY, HELLO, rest, router, run


def test_a_router_is_known_by_its_role_and_what_it_can_do_follows() -> None:
    async def test() -> None:
        async with router() as here:
            probe = await here.provider.probe()
            assert probe.capabilities.names == ("load", "unload", "tokenize", "progress", "embeddings")
            assert probe.lacks["kv_save"] == "none of its models is started with --slot-save-path"
        async with router(RouterFlags(slot_save_path="/slots")) as here:
            assert (await here.provider.probe()).capabilities.kv_save

    run(test)


def test_a_server_that_comes_back_as_the_other_kind_is_known_by_the_next_probe() -> None:
    world = World([Installed("a")])
    kinds = [build(world), build_router(world)]

    async def whichever(scope: Scope, receive: Receive, send: Send) -> None:
        await kinds[0](scope, receive, send)

    async def test() -> None:
        async with serving(whichever) as server:
            provider = LlamaCppServer(server.url)
            assert not (await provider.probe()).capabilities.load
            kinds.reverse()
            assert (await provider.probe()).capabilities.load
            await provider.close()

    run(test)


def test_a_load_returns_once_the_model_answers_and_not_when_its_process_has_started() -> None:
    async def test() -> None:
        async with router() as here:
            here.world.may_load.clear()
            loading = asyncio.create_task(here.load("a"))
            await here.until(lambda: here.world.loading == 1)
            # The router has said `success` by now.
            while not any(path.startswith("/models?") for path in here.paths("GET")[1:]):
                await asyncio.sleep(0)
            assert not loading.done()
            assert await here.provider.resident() == ()
            here.world.may_load.set()
            assert (await loading).model == "a"

    run(test)


@pytest.mark.parametrize("sse", [True, False])
def test_a_load_is_followed_by_events_or_without_them(sse: bool) -> None:
    async def test() -> None:
        async with router(RouterFlags(sse=sse)) as here:
            await here.load("a")
            await here.provider.unload("a")
            assert any(path.startswith("/models/sse") for path in here.paths("GET"))
            assert here.world.loads == here.world.unloads == 1

    run(test)


def test_what_is_already_running_because_it_sleeps_is_loaded() -> None:
    async def test() -> None:
        async with router() as here:
            await here.load("a")
            here.instance.asleep = True
            loaded = await here.load("a")
            assert loaded.asleep and loaded.memory == {"ram": 0}
            assert here.world.loads == 1 and here.instance.asleep

    run(test)


def test_what_somebody_else_is_loading_is_waited_for_and_not_ended_when_we_give_up() -> None:
    async def test() -> None:
        async with router() as here:
            description = await here.provider.describe("a")
            here.world.may_load.clear()
            await here.send("POST", "/models/load", {"model": "a"})
            await here.until(lambda: here.world.loading == 1)
            loading = asyncio.create_task(here.provider.load(description))
            while not any(path.startswith("/models/load") for path in here.paths("POST")[1:]):
                await asyncio.sleep(0)
            loading.cancel()
            await asyncio.wait({loading})
            here.world.may_load.set()
            await here.until(lambda: "a" in here.world.instances)
            assert not any(path.startswith("/models/unload") for path in here.paths("POST"))

    run(test)


def test_a_load_that_is_cancelled_while_it_is_asked_for_is_undone() -> None:
    async def test() -> None:
        async with router() as here:
            description = await here.provider.describe("a")
            here.world.may_load.clear()
            loading = asyncio.create_task(here.provider.load(description))
            while not any(path.startswith("/models/load") for path in here.paths("POST")):
                await asyncio.sleep(0)
            loading.cancel()
            await asyncio.wait({loading})
            assert loading.cancelled()
            assert here.world.loading == 0 and here.world.instances == {}

    run(test)


def test_a_process_that_failed_is_a_failed_load_with_its_exit_status() -> None:
    async def test() -> None:
        async with router() as here:
            here.world.faults.load_error = "out of memory"
            failure = await here.failure(here.load("a"))
            assert isinstance(failure, ModelLoadFailed) and "ended with status 1" in str(failure)
            # What failed before is no reason to think that it fails now.
            here.world.faults.load_error = None
            assert (await here.load("a")).model == "a"

    run(test)


def test_a_load_that_somebody_else_ends_is_a_failed_load() -> None:
    async def test() -> None:
        async with router() as here:
            here.world.may_load.clear()
            loading = asyncio.create_task(here.failure(here.load("a")))
            await here.until(lambda: here.world.loading == 1)
            await here.send("POST", "/models/unload", {"model": "a"})
            assert isinstance(await loading, ModelLoadFailed)

    run(test)


def test_as_many_as_may_be_loaded_is_busy() -> None:
    async def test() -> None:
        async with router(RouterFlags(models_max=1)) as here:
            await here.load("a")
            chunks = here.provider.chat("a", ENDLESS)
            assert (await anext(chunks)).text
            failure = await here.failure(here.load("b"))
            assert isinstance(failure, ProviderBusy) and "model limit reached" in str(failure)
            await chunks.aclose()
            assert list(here.world.instances) == ["a"]

    run(test)


def test_the_one_used_longest_ago_makes_room_when_it_is_idle() -> None:
    async def test() -> None:
        models = (Installed("a"), Installed("b"), Installed("c"))
        async with router(RouterFlags(models_max=2), models=models) as here:
            await here.load("a")
            await here.load("b")
            await here.ask("a")
            await here.load("c")
            assert [one.model for one in await here.provider.resident()] == ["a", "c"]
            assert here.world.violations == []

    run(test)


def test_a_router_from_before_the_queue_kills_what_answers_and_the_adapter_warns_of_it() -> None:
    async def test() -> None:
        flags = RouterFlags(models_max=1, build=10312)
        async with router(flags) as here:
            assert "b10313" in (await here.provider.probe()).note
            await here.load("a")
            chunks = here.provider.chat("a", ENDLESS)
            assert (await anext(chunks)).text
            await here.load("b")
            assert here.world.violations == ["a was unloaded while it answered 1"]
            assert isinstance(await here.failure(rest(chunks)), ModelVanished)

    run(test)


@pytest.mark.parametrize("build", [0, 10313, 11549])
def test_a_router_that_waits_or_does_not_know_its_number_is_not_warned_of(build: int) -> None:
    async def test() -> None:
        async with router(RouterFlags(build=build)) as here:
            assert (await here.provider.probe()).note == ""

    run(test)


def test_whatever_it_is_asked_a_model_is_loaded_by_a_load_alone() -> None:
    async def test() -> None:
        async with router(RouterFlags(slot_save_path="/slots")) as here:
            provider = here.provider
            await provider.probe()
            await provider.catalogue()
            await provider.describe("a")
            await provider.resident()
            for action in (
                here.ask("a"),
                provider.tokenize("a", "x"),
                provider.prompt_tokens("a", HELLO),
                provider.embed("a", ["x"]),
                provider.save_kv("a", "x"),
                provider.restore_kv("a", "x"),
            ):
                assert isinstance(await here.failure(action), ModelVanished)
            assert here.world.loads == 0 and here.world.violations == []
            assert all("autoload=false" in path for _, path, _ in here.world.requests)

    run(test)


def test_slots_are_addressed_by_model() -> None:
    async def test() -> None:
        async with router(RouterFlags(parallel=1, slot_save_path="/slots")) as here:
            await here.provider.probe()
            await here.load("a")
            await here.load("b")
            await here.ask("b")
            assert await here.provider.save_kv("a", "talk.bin") == 0
            assert await here.provider.save_kv("b", "talk.bin") > 0

    run(test)


def test_an_unload_is_proven_by_the_list() -> None:
    async def test() -> None:
        async with router(timeouts=HASTY) as here:
            await here.load("a")
            here.world.faults.unload_ignored = True
            failure = await here.failure(here.provider.unload("a"))
            assert isinstance(failure, ModelUnloadFailed) and "still there" in str(failure)
            here.world.faults.unload_ignored = False
            await here.provider.unload("a")
            assert await here.provider.resident() == ()

    run(test)


def test_unloading_what_is_not_known_or_not_running_is_no_error() -> None:
    async def test() -> None:
        async with router() as here:
            await here.provider.unload("a")
            await here.provider.unload("no such model")

    run(test)


def test_a_model_that_is_being_unloaded_is_leaving() -> None:
    async def test() -> None:
        async with router() as here:
            await here.load("a")
            here.world.faults.unload_ignored = True
            unloading = asyncio.create_task(here.provider.unload("a"))
            while not any(path.startswith("/models/unload") for path in here.paths("POST")):
                await asyncio.sleep(0)
            (resident,) = await here.provider.resident()
            assert resident.leaving
            unloading.cancel()
            await asyncio.wait({unloading})

    run(test)


def test_a_sleeping_model_is_resident_asleep_and_wakes_when_it_is_asked() -> None:
    async def test() -> None:
        flags = RouterFlags(sleep_idle_seconds=0.01)
        async with router(flags) as here:
            await here.load("a")
            await here.ask("a")
            await here.until(lambda: here.instance.asleep)
            (resident,) = await here.provider.resident()
            assert resident.asleep and here.instance.asleep
            assert (await here.ask("a"))[-1].done

    run(test)


def test_a_model_whose_process_dies_has_vanished_and_the_router_is_well() -> None:
    async def test() -> None:
        async with router() as here:
            await here.load("a")
            chunks = here.provider.chat("a", ENDLESS)
            assert (await anext(chunks)).text
            here.world.forget_all()
            assert isinstance(await here.failure(rest(chunks)), ModelVanished)
            assert (await here.provider.probe()).code == ""

    run(test)


def test_a_proxy_error_is_a_model_that_vanished_when_it_is_gone_and_trouble_when_it_is_not() -> None:
    async def test() -> None:
        async with router() as here:
            broken = Refusal(500, "proxy error: Could not establish connection")
            here.world.faults.refusals["/v1/chat/completions"] = broken
            assert isinstance(await here.failure(here.ask("a")), ModelVanished)
            await here.load("a")
            assert isinstance(await here.failure(here.ask("a")), ProviderUnavailable)

    run(test)


def test_what_is_still_being_fetched_is_not_in_the_catalogue() -> None:
    async def test() -> None:
        async with router() as here:
            listed = (await here.send("GET", "/models")).json()
            listed["data"][0]["status"] = {"value": "downloading"}
            here.world.faults.refusals["/models"] = Refusal(
                200, str(listed).replace("'", '"').replace("False", "0")
            )
            assert await here.provider.catalogue() == ("b",)

    run(test)


def test_a_name_that_it_does_not_list_is_no_model() -> None:
    async def test() -> None:
        async with router() as here:
            description = await here.provider.describe("a")
            unknown = description.model_copy(update={"model": "c"})
            for action in (here.provider.describe("c"), here.provider.load(unknown), here.ask("c")):
                assert isinstance(await here.failure(action), InvalidModelId)

    run(test)


def test_the_window_is_what_was_granted_and_is_known_before_the_next_load() -> None:
    async def test() -> None:
        async with router() as here:
            here.world.faults.grants_context = 4096
            assert (await here.provider.describe("a")).context_tokens == 16384
            loaded = await here.load("a")
            assert (loaded.context_tokens, loaded.slots) == (4096, 2)
            await here.provider.unload("a")
            assert (await here.provider.describe("a")).context_tokens == 4096

    run(test)
