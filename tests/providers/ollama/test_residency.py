"""What is in memory, how it came there, and what of it is known; §1.1 of the sheet."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.failures import TimedOut
from bursar.adapters.http.port import Answer
from bursar.adapters.providers.ollama import OllamaProvider
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import (
    ModelLoadFailed,
    ModelUnloadFailed,
    ProviderBusy,
    ProviderUnavailable,
)
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.ollama import Switches
from bursar.testing.provider.world import GIB

from .world import HELLO, Here, running

CALM = ProviderTimeouts(status_s=10, load_s=20, unload_s=10, idle_s=20)
OLD = "0.12.11"


def test_an_empty_prompt_loads_for_ever() -> None:
    async def test(here: Here) -> None:
        residency = await here.load()
        assert residency.model == "small"
        assert here.bodies("/api/generate") == [
            {
                "model": "small",
                "keep_alive": -1,
                "options": {"num_ctx": 4096},
                "shift": False,
                "stream": False,
            }
        ]
        (listed,) = (await here.get("/api/ps"))["models"]
        assert listed["expires_at"] > "2300"

    running(test)


def test_an_embedding_model_is_loaded_by_an_empty_list_of_texts() -> None:
    async def test(here: Here) -> None:
        await here.load("vectors")
        assert here.bodies("/api/generate") == []
        (body,) = here.bodies("/api/embed")
        assert body["input"] == [] and "shift" not in body and body["options"] == {"num_ctx": 2048}
        assert len(await here.provider.embed("vectors", ["one", "two"])) == 2
        assert here.world.loads == 1

    running(test)


def test_an_embedding_model_of_a_version_that_does_not_say_so_is_loaded_all_the_same() -> None:
    async def test(here: Here) -> None:
        await here.load("vectors")
        assert len(here.bodies("/api/generate")) == len(here.bodies("/api/embed")) == 1
        assert here.world.loads == 1

    running(test, Switches(version="0.6.3"))


@pytest.mark.parametrize(("version", "listed"), [("0.32.15", 0), (OLD, 1)])
def test_a_model_that_is_loading_is_not_listed_since_0_30_and_was_before(version: str, listed: int) -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("small")
        here.world.may_load.clear()
        loading = asyncio.create_task(here.provider.load(description))
        await here.until(lambda: here.world.loading == 1)
        assert len((await here.get("/api/ps"))["models"]) == listed
        # Either way it is not in memory yet.
        assert await here.provider.resident() == ()
        here.world.may_load.set()
        await loading
        assert len(await here.provider.resident()) == 1

    running(test, Switches(version=version))


def test_a_list_that_is_held_back_means_busy_and_not_down() -> None:
    async def test(here: Here) -> None:
        here.switches.may_list.clear()
        failure = await here.failure(here.provider.resident())
        assert isinstance(failure, ProviderBusy)
        assert failure.values["retry_after_ms"] is None
        assert (await here.provider.probe()).reachable

    running(test, timeouts=replace(CALM, status_s=0.2))


def test_a_machine_that_cannot_be_reached_is_not_busy() -> None:
    class Unreachable(HttpClient):
        """Where a connection is not even refused: nothing on this machine is like that."""

        async def request(self, *_: object, **__: object) -> Answer:
            raise TimedOut("connect", 10)

    async def test() -> None:
        provider = OllamaProvider(http=Unreachable("http://127.0.0.1:1"))
        with pytest.raises(ProviderUnavailable):
            await provider.resident()
        await provider.close()

    asyncio.run(test())


def test_a_load_is_not_believed_before_it_is_listed() -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("small")
        # Somebody lets it go between our load and our look.
        here.switches.may_list.clear()
        loading = asyncio.create_task(here.failure(here.provider.load(description)))
        here.switches.may_list.set()
        await here.until(lambda: here.world.loads == 1)
        here.switches.may_list.clear()
        await here.until(lambda: "small" in here.world.instances)
        here.world.forget_all()
        here.switches.may_list.set()
        failure = await loading
        assert isinstance(failure, ModelLoadFailed)
        assert "does not list it" in str(failure)

    running(test, timeouts=replace(CALM, unload_s=0.1))


@pytest.mark.parametrize("asked", ["small", "small:latest"])
def test_a_name_without_a_tag_is_the_latest(asked: str) -> None:
    async def test(here: Here) -> None:
        assert "small:latest" in await here.provider.catalogue()
        residency = await here.load(asked)
        assert residency.model == asked
        assert [one.model for one in await here.provider.resident()] == [asked]
        assert (await here.ask(model=asked))[-1].done
        await here.provider.unload(asked)
        assert here.world.instances == {}

    running(test)


def test_a_model_is_recognised_by_its_digest_under_another_name() -> None:
    async def test(here: Here) -> None:
        here.world.models["copy"] = here.world.models["small"]
        await here.provider.describe("copy")
        await here.post("/api/generate", model="small", keep_alive=-1)
        assert [one.model for one in await here.provider.resident()] == ["copy"]
        # Ollama lists it by its first name still.
        assert (await here.load("copy")).model == "copy"
        here.world.faults.unload_ignored = True
        assert isinstance(await here.failure(here.provider.unload("copy")), ModelUnloadFailed)
        here.world.faults.unload_ignored = False
        await here.provider.unload("copy")
        assert here.world.instances == {}

    running(test, timeouts=replace(CALM, unload_s=0.1))


def test_what_somebody_else_loaded_is_used_as_it_is() -> None:
    async def test(here: Here) -> None:
        await here.post("/api/generate", model="small", options={"num_ctx": 1024})
        (residency,) = await here.provider.resident()
        assert residency.context_tokens == 1024
        assert (await here.ask())[-1].done
        assert here.world.loads == 1
        # From now on it stays.
        assert (await here.get("/api/ps"))["models"][0]["expires_at"] > "2300"

    running(test, context_tokens=8192)


def test_a_new_adapter_uses_what_an_earlier_one_loaded_as_it_is() -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("small")
        await here.provider.load(description.model_copy(update={"context_tokens": 2048}))
        later = OllamaProvider(here.server.url)
        async with aclosing(later.chat("small", HELLO)) as chunks:
            assert [chunk async for chunk in chunks][-1].done
        await later.close()
        assert here.world.loads == 1

    running(test)


def test_memory_is_divided_between_the_graphics_card_and_main_memory() -> None:
    async def test(here: Here) -> None:
        residency = await here.load("llama:8b")
        total = here.world.instances["llama:8b"].memory
        assert residency.memory == {"gpu0": 2 * GIB, "ram": total - 2 * GIB}
        assert residency.provenance == "ollama ps"
        assert (await here.load("small")).memory == {"gpu0": here.world.instances["small"].memory}

    running(test, Switches(vram=2 * GIB), gpu="gpu0")


@pytest.mark.parametrize(("gpu", "device"), [(None, "ram"), ("remote", "remote")])
def test_without_a_graphics_card_of_ours_all_memory_is_in_one_place(gpu: str | None, device: str) -> None:
    async def test(here: Here) -> None:
        assert list((await here.load()).memory) == [device]

    running(test, Switches(vram=GIB), gpu=gpu)


def test_sizes_that_are_the_file_s_are_told_as_such() -> None:
    async def test(here: Here) -> None:
        residency = await here.load()
        assert (residency.memory, residency.provenance) == ({"ram": GIB}, "file_size")

    running(test, Switches(sizes_of_files=True))


def test_a_version_that_does_not_list_windows_is_taken_to_have_granted_what_was_asked() -> None:
    async def test(here: Here) -> None:
        assert (await here.load()).context_tokens == 4096
        assert "context_length" not in (await here.get("/api/ps"))["models"][0]

    running(test, Switches(version="0.9.6"))


def test_a_model_in_the_cloud_takes_no_memory_here() -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("llama:8b")
        assert (description.device, description.estimate_bytes) == ("remote", 0)
        residency = await here.provider.load(description)
        assert residency.memory == {}
        assert [one.model for one in await here.provider.resident()] == ["llama:8b"]
        assert here.world.loads == 0
        await here.provider.unload("llama:8b")
        assert await here.provider.resident() == ()

    running(test, Switches(remote={"llama:8b": "https://ollama.com:443"}))


def test_names_that_nobody_has_leave_nothing_behind() -> None:
    async def test(here: Here) -> None:
        for name in ("a", "b", "c"):
            await here.failure(here.provider.describe(name))
            await here.failure(here.ask(model=name))
            await here.failure(here.provider.embed(name, ["x"]))
            await here.provider.unload(name)
        assert not here.provider._models.models  # pyright: ignore[reportPrivateUsage] - it shows nowhere else

    running(test)


def test_what_is_not_ollama_is_told_as_such() -> None:
    async def test(here: Here) -> None:
        here.world.faults.refusals["/api/version"] = Refusal(200, '{"object": "list"}')
        probe = await here.provider.probe()
        assert (probe.reachable, probe.code) == (False, "PROVIDER_UNAVAILABLE")
        assert "not Ollama" in probe.cause

    running(test)


def test_a_scheduler_that_is_deadlocked_shows_only_in_loads_that_were_wanted() -> None:
    async def test(here: Here) -> None:
        description = await here.provider.describe("llama:8b")
        await here.load("small")
        here.switches.deadlocked = True
        # Everything else is well.
        assert (await here.provider.probe()).cause == ""
        assert (await here.ask())[-1].done
        await here.failure(here.provider.load(description))
        probe = await here.provider.probe()
        assert probe.reachable
        assert "llama:8b was not loaded within 0.5 s" in probe.cause
        here.switches.deadlocked = False
        # The next load that succeeds is evidence, too.
        await here.provider.load(description)
        assert (await here.provider.probe()).cause == ""

    running(test, timeouts=replace(CALM, load_s=0.5))
