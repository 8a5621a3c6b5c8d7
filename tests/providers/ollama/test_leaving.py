"""How models leave memory, on purpose and not, and how that is known; §1.1 of the sheet."""

import asyncio
from dataclasses import replace

from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import (
    ModelUnloadFailed,
    ModelVanished,
    OutOfMemory,
)
from bursar.testing.provider.ollama import Switches

from .world import Here, running

CALM = ProviderTimeouts(status_s=10, load_s=20, unload_s=10, idle_s=20)
OLD = "0.12.11"


def test_an_unload_is_acknowledged_even_if_nothing_is_loaded() -> None:
    async def test(here: Here) -> None:
        status, answer = await here.post("/api/generate", model="small", keep_alive=0)
        assert (status, answer["done_reason"]) == (200, "unload")
        await here.provider.unload("small")
        assert here.world.unloads == 0

    running(test)


def test_an_unload_is_proved_by_the_list_and_not_by_its_answer() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.timing.unload = 0.05
        await here.provider.unload("small")
        assert here.world.instances == {}
        assert len(here.bodies("/api/ps")) > 2

    running(test)


def test_an_unload_waits_for_who_is_being_answered() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.may_answer.clear()
        asking = asyncio.create_task(here.ask())
        await here.until(lambda: here.world.instances["small"].busy == 1)
        unloading = asyncio.create_task(here.provider.unload("small"))
        await here.until(lambda: here.world.instances["small"].leaving)
        (residency,) = await here.provider.resident()
        assert residency.leaving
        here.world.may_answer.set()
        assert (await asking)[-1].done
        await unloading
        assert here.world.violations == []

    running(test)


def test_expires_at_in_the_past_means_that_it_is_leaving() -> None:
    async def test(here: Here) -> None:
        await here.load()
        (residency,) = await here.provider.resident()
        assert not residency.leaving
        here.world.faults.unload_ignored = True
        await here.post("/api/generate", model="small", keep_alive=0)
        (residency,) = await here.provider.resident()
        assert residency.leaving

    running(test)


def test_a_model_that_stays_is_an_unload_that_failed() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.faults.unload_ignored = True
        failure = await here.failure(here.provider.unload("small"))
        assert isinstance(failure, ModelUnloadFailed)
        assert "UnloadStuck" in str(failure)

    running(test, timeouts=replace(CALM, unload_s=0.1))


def test_a_model_that_somebody_keeps_using_is_told_to_go_again() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.world.may_answer.clear()
        theirs = asyncio.create_task(
            here.post("/api/generate", model="small", prompt="x", options={"num_ctx": 4096}, shift=False)
        )
        await here.until(lambda: here.world.instances["small"].busy == 1)
        unloading = asyncio.create_task(here.provider.unload("small"))
        await here.until(lambda: here.world.instances["small"].leaving)
        # It comes before the model is gone, and says how long it shall stay.
        await here.post(
            "/api/generate", model="small", keep_alive="10m", options={"num_ctx": 4096}, shift=False
        )
        here.world.may_answer.set()
        await theirs
        await unloading
        assert here.world.instances == {}
        assert sum(body.get("keep_alive") == 0 for body in here.bodies("/api/generate")) > 1

    running(test)


def test_a_list_that_is_held_back_during_an_unload_is_waited_for() -> None:
    async def test(here: Here) -> None:
        await here.load()
        here.switches.may_list.clear()
        unloading = asyncio.create_task(here.provider.unload("small"))
        # The first question after the unload times out, and the second is open.
        await here.until(lambda: here.world.unloads == 1)
        while len(here.bodies("/api/ps")) < 4:
            await asyncio.sleep(0.01)
        here.switches.may_list.set()
        await unloading

    running(test, timeouts=replace(CALM, status_s=0.2))


def test_a_client_that_goes_ends_the_load() -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("small")
        here.world.may_load.clear()
        loading = asyncio.create_task(here.provider.load(description))
        await here.until(lambda: here.world.loading == 1)
        loading.cancel()
        await asyncio.wait({loading})
        # The gate is still closed: nothing but the end of the connection can have ended it.
        assert here.world.loading == 0
        assert here.world.instances == {}

    running(test)


def test_a_cancelled_load_of_what_was_there_before_leaves_it_there() -> None:
    async def test(here: Here) -> None:
        await here.load()
        loading = asyncio.create_task(here.load())
        await here.until(lambda: len(here.bodies("/api/generate")) == 2)
        # It is asked for already, and waits to see it listed.
        here.switches.may_list.clear()
        loading.cancel()
        await asyncio.wait({loading})
        assert list(here.world.instances) == ["small"]

    running(test)


def test_every_model_is_forgotten_after_one_ran_out_of_memory() -> None:
    async def test(here: Here) -> None:
        await here.load("small")
        await here.load("llama:8b")
        here.switches.oom_after = 2
        failure = await here.failure(here.ask(model="llama:8b"))
        assert isinstance(failure, OutOfMemory)
        assert failure.values["phase"] == "run"
        await here.until(lambda: not here.world.instances)
        assert await here.provider.resident() == ()
        # Nothing is loaded behind the manager's back.
        assert isinstance(await here.failure(here.ask(model="small")), ModelVanished)
        assert here.world.loads == 2

    running(test)


def test_what_ollama_lets_go_for_another_load_is_not_resident_nor_loaded_by_a_chat() -> None:
    async def test(here: Here) -> None:
        await here.load("small")
        await here.load("llama:8b")
        # The load of the second showed that the first is gone; nobody asked since.
        assert isinstance(await here.failure(here.ask(model="small")), ModelVanished)
        assert [one.model for one in await here.provider.resident()] == ["llama:8b"]
        assert here.world.loads == 2

    running(test, Switches(max_loaded=1))


def test_a_model_whose_time_is_over_is_gone() -> None:
    async def test(here: Here) -> None:
        await here.post("/api/generate", model="small", keep_alive=0.01)
        await here.until(lambda: not here.world.instances)
        assert await here.provider.resident() == ()

    running(test)
