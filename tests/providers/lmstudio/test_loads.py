"""Loads and unloads through `/api/v1`: explicit, one at a time for each model, and none left over."""

import asyncio

import pytest

from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import (
    ModelLoadFailed,
    ModelUnloadFailed,
    ModelVanished,
    OutOfMemory,
)
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.lmstudio import Switches
from bursar.testing.provider.world import GIB

from .studio_world import CHAT, ENDLESS, LLM, LOAD, OTHER, UNLOAD, VECTORS, Studio, held, run


def test_a_description_is_what_the_list_knows_and_says_where_it_is_from() -> None:
    async def test(here: Studio) -> None:
        description = await here.provider.describe(LLM)
        assert (description.weights_bytes, description.kv_bytes_per_token) == (GIB, 0)
        assert description.estimate_bytes == GIB
        assert description.provenance == "lmstudio size_bytes (file size)"
        assert (description.context_tokens, description.slots) == (4096, 4)
        assert (description.device, description.engine) == ("gpu0", "v1 API")
        assert description.digest == f"lmstudio:{LLM}@q4_k_m/{GIB}"
        assert (await here.provider.describe(VECTORS)).slots == 1
        assert here.world.instances == {}

    run(test, gpu="gpu0")


def test_a_window_is_asked_for_at_every_load_and_is_never_more_than_the_model_has() -> None:
    async def test(here: Studio) -> None:
        assert (await here.load()).context_tokens == 8192
        assert here.bodies(LOAD) == [{"model": LLM, "context_length": 8192}]

    run(test, context_tokens=100_000)


def test_the_window_that_was_granted_is_read_from_the_list() -> None:
    async def test(here: Studio) -> None:
        here.world.faults.grants_context = 1024
        assert (await here.load()).context_tokens == 1024

    run(test)


def test_loads_of_one_model_at_the_same_time_make_one_instance() -> None:
    async def test(here: Studio) -> None:
        residencies = await asyncio.gather(*(here.load() for _ in range(5)))
        assert len(set(map(repr, residencies))) == 1
        assert list(here.world.instances) == [LLM]
        assert len(here.bodies(LOAD)) == 1
        assert here.world.violations == []

    run(test)


def test_loads_of_two_models_do_not_wait_for_each_other() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            loads = [asyncio.create_task(here.load(model)) for model in (LLM, OTHER)]
            await here.until(lambda: here.world.loading == 2)
        await asyncio.gather(*loads)

    run(test)


def test_what_somebody_else_loaded_is_taken_as_it_is() -> None:
    async def test(here: Studio) -> None:
        await here.post(LOAD, {"model": LLM, "context_length": 2048})
        assert (await here.load()).context_tokens == 2048
        assert len(here.bodies(LOAD)) == 1

    run(test)


def test_copies_of_a_model_are_summed_and_told_of() -> None:
    async def test(here: Studio) -> None:
        single = await here.load()
        assert (single.memory, single.provenance) == ({}, "lmstudio size_bytes (file size)")
        await here.post(LOAD, {"model": LLM})
        (double,) = await here.provider.resident()
        assert double.memory == {"ram": 2 * GIB}
        assert double.provenance == "lmstudio size_bytes (file size), 2 instances"
        # It is nothing that a load of it would come to: what two take is not learnt for the next one.
        assert double.digest != single.digest

    run(test)


def test_unloading_takes_every_instance_of_the_model_and_no_other() -> None:
    async def test(here: Studio) -> None:
        await here.load(OTHER)
        await here.load()
        await here.post(LOAD, {"model": LLM})
        await here.provider.unload(LLM)
        assert here.bodies(UNLOAD) == [{"instance_id": LLM}, {"instance_id": f"{LLM}:2"}]
        assert list(here.world.instances) == [OTHER]

    run(test)


def test_an_instance_that_somebody_else_unloads_meanwhile_is_no_error() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        await here.post(LOAD, {"model": LLM})
        here.world.timing.unload = 0.02
        unloading = asyncio.create_task(here.provider.unload(LLM))
        await here.until(lambda: len(here.bodies(UNLOAD)) == 1)
        del here.world.instances[f"{LLM}:2"]
        await unloading
        assert len(here.bodies(UNLOAD)) == 2

    run(test)


def test_an_unload_waits_for_our_requests_and_lets_nobody_new_in() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        chunks = here.provider.chat(LLM, ENDLESS)
        await anext(chunks)
        unloading = asyncio.create_task(here.provider.unload(LLM))
        await asyncio.sleep(0)  # for it to begin
        refused = await here.failure(here.ask())
        assert isinstance(refused, ModelVanished) and "being unloaded" in str(refused)
        (leaving,) = await here.provider.resident()
        assert leaving.leaving and here.bodies(UNLOAD) == []
        await chunks.aclose()
        await unloading
        assert here.world.violations == [] and here.lost == []

    run(test)


def test_an_unload_that_our_requests_do_not_let_happen_says_so() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        chunks = here.provider.chat(LLM, ENDLESS)
        await anext(chunks)
        failure = await here.failure(here.provider.unload(LLM))
        assert isinstance(failure, ModelUnloadFailed) and "requests that it answers" in str(failure)
        assert (await anext(chunks)).text
        await chunks.aclose()
        await here.provider.unload(LLM)

    run(test, timeouts=ProviderTimeouts(unload_s=0.1))


def test_an_unload_that_is_refused_says_why() -> None:
    async def test(here: Studio) -> None:
        await here.load()
        here.world.faults.refusals[UNLOAD] = Refusal(400, '{"error": "the cat sat on it"}')
        failure = await here.failure(here.provider.unload(LLM))
        assert isinstance(failure, ModelUnloadFailed) and "the cat sat on it" in str(failure)

    run(test)


@pytest.mark.parametrize("shape", ["object", "text"])
def test_the_guardrails_are_a_lack_of_memory_in_either_shape(shape: str) -> None:
    async def test(here: Studio) -> None:
        failure = await here.failure(here.load())
        assert isinstance(failure, OutOfMemory) and failure.values["phase"] == "load"
        assert "approximately 1.03 GB" in str(failure)
        assert await here.provider.resident() == ()

    run(test, Switches(guardrail=GIB, errors="object" if shape == "object" else "text"))


@pytest.mark.parametrize("shape", ["object", "text"])
def test_an_engine_that_aborts_is_a_failed_load_with_a_hint_at_memory(shape: str) -> None:
    async def test(here: Studio) -> None:
        failure = await here.failure(here.load())
        assert isinstance(failure, ModelLoadFailed)
        assert "SIGABRT" in str(failure) and "runs out of memory" in str(failure)

    run(test, Switches(memory=GIB, errors="object" if shape == "object" else "text"))


def test_nothing_is_asked_of_a_model_before_it_is_seen_in_the_list() -> None:
    async def test(here: Studio) -> None:
        assert isinstance(await here.failure(here.ask()), ModelVanished)
        assert isinstance(await here.failure(here.provider.embed(VECTORS, ["x"])), ModelVanished)
        assert here.bodies(CHAT) == here.bodies("/v1/embeddings") == []
        assert here.world.violations == []

    run(test)
