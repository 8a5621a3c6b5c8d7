"""Which API is spoken, and what is left of a provider where there is only `/api/v0`."""

import asyncio
from contextlib import aclosing

import pytest

from bursar.domain.errors import (
    InvalidModelId,
    ModelVanished,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.providers.values import Capabilities
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.lmstudio import Switches

from .studio_world import CHAT, ENDLESS, LLM, LOAD, MODELS, OTHER, VECTORS, Studio, run


def old() -> Switches:
    return Switches(v1=False)


def test_nothing_is_promised_before_it_has_spoken() -> None:
    async def test(here: Studio) -> None:
        assert here.provider.capabilities == Capabilities()

    run(test)


def test_v1_is_probed_by_its_list_and_has_no_version_to_tell() -> None:
    async def test(here: Studio) -> None:
        probe = await here.provider.probe()
        assert (probe.reachable, probe.version) == (True, "v1 API")
        assert probe.capabilities == Capabilities(load=True, unload=True, embeddings=True)
        assert probe.lacks["tokenize"] == "only over the WebSocket of its SDK"
        assert [path for _, path, _ in here.world.requests] == [MODELS]

    run(test)


@pytest.mark.parametrize("status", [404, 200])
def test_an_older_one_is_known_by_the_endpoint_that_it_does_not_have(status: int) -> None:
    async def test(here: Studio) -> None:
        here.switches.unknown_endpoint = 200 if status == 200 else 404
        probe = await here.provider.probe()
        assert (probe.reachable, probe.version) == (True, "v0 API")
        assert probe.capabilities == Capabilities(embeddings=True)
        assert "since 0.4.0" in probe.lacks["load"] and "since 0.4.0" in probe.lacks["unload"]

    run(test, old())


def test_an_older_one_that_was_updated_is_noticed_by_the_next_probe() -> None:
    async def test(here: Studio) -> None:
        await here.provider.probe()
        here.switches.v1 = True
        await here.provider.catalogue()
        assert not here.provider.capabilities.load
        assert (await here.provider.probe()).capabilities.load

    run(test, old())


def test_one_that_goes_back_to_an_older_version_is_noticed_at_once() -> None:
    async def test(here: Studio) -> None:
        await here.provider.probe()
        here.switches.v1 = False
        assert await here.provider.resident() == ()
        assert not here.provider.capabilities.load

    run(test)


def test_a_server_that_has_neither_is_told_what_would_be_needed() -> None:
    async def test(here: Studio) -> None:
        missing = Refusal(404, '{"detail": "Not Found"}')
        here.world.faults.refusals.update({MODELS: missing, "/api/v0/models": missing})
        failure = await here.failure(here.provider.catalogue())
        assert isinstance(failure, Unsupported) and "LM Studio since 0.3.6" in str(failure)

    run(test)


def test_a_list_that_is_none_is_an_error_and_not_an_older_version() -> None:
    async def test(here: Studio) -> None:
        here.world.faults.refusals[MODELS] = Refusal(200, "{}")
        assert isinstance(await here.failure(here.provider.catalogue()), ProviderUnavailable)
        assert here.world.requests == []

    run(test)


def test_a_list_that_is_refused_is_an_error_and_not_an_older_version() -> None:
    async def test(here: Studio) -> None:
        here.world.faults.refusals[MODELS] = Refusal(400, '{"error": "the cat sat on it"}')
        failure = await here.failure(here.provider.catalogue())
        assert isinstance(failure, Unsupported) and "the cat sat on it" in str(failure)
        assert here.world.requests == []

    run(test)


def test_loads_and_unloads_are_refused_and_say_since_when_they_would_not_be() -> None:
    async def test(here: Studio) -> None:
        description = await here.provider.describe(LLM)
        for attempt in (here.provider.load(description), here.provider.unload(LLM)):
            refused = await here.failure(attempt)
            assert isinstance(refused, Unsupported) and "since 0.4.0" in str(refused)
        assert here.bodies(LOAD) == []

    run(test, old())


def test_a_size_that_is_not_told_is_not_made_up() -> None:
    async def test(here: Studio) -> None:
        description = await here.provider.describe(LLM)
        assert description.weights_bytes == 0
        assert description.provenance == "unknown: LM Studio tells no sizes before 0.4.0"
        assert description.slots == 1

    run(test, old())


def test_a_chat_loads_just_in_time_for_as_long_as_the_settings_say() -> None:
    async def test(here: Studio) -> None:
        assert (await here.ask())[-1].done
        assert here.bodies(CHAT)[0]["ttl"] == 900
        assert here.instance().options["ttl"] == 900

    run(test, old(), ttl_s=900)


def test_residents_are_those_whose_state_is_loaded() -> None:
    async def test(here: Studio) -> None:
        assert await here.provider.resident() == ()
        await here.ask()
        (resident,) = await here.provider.resident()
        assert (resident.model, resident.context_tokens, resident.memory) == (LLM, 4096, {})

    run(test, old())


def test_embeddings_load_just_in_time() -> None:
    async def test(here: Studio) -> None:
        assert len(await here.provider.embed(VECTORS, ["one", "two"])) == 2
        assert here.instance(VECTORS).options["ttl"] == 900

    run(test, old(), ttl_s=900)


def test_a_chat_that_evicts_another_model_in_the_middle_of_its_answer_is_one_error() -> None:
    async def test(here: Studio) -> None:
        async with aclosing(here.provider.chat(LLM, ENDLESS)) as chunks:
            await anext(chunks)
            evicting = asyncio.create_task(here.ask(model=OTHER))
            with pytest.raises(ModelVanished, match="Model is unloaded"):
                [chunk async for chunk in chunks]
        assert (await evicting)[-1].done
        assert [resident.model for resident in await here.provider.resident()] == [OTHER]

    run(test, old())


def test_without_loading_just_in_time_a_chat_says_that_nothing_is_loaded() -> None:
    async def test(here: Studio) -> None:
        refused = await here.failure(here.ask())
        assert isinstance(refused, ModelVanished) and "No models loaded" in str(refused)

    run(test, Switches(v1=False, jit=False))


def test_a_name_that_no_model_has_is_told_as_such() -> None:
    async def test(here: Studio) -> None:
        assert isinstance(await here.failure(here.ask(model="o4-mini")), InvalidModelId)
        assert isinstance(await here.failure(here.provider.describe("o4-mini")), InvalidModelId)
        assert here.bodies(CHAT) == []
        here.world.faults.refusals[CHAT] = Refusal(404, '{"error": "Model was deleted: model not found"}')
        assert isinstance(await here.failure(here.ask()), InvalidModelId)

    run(test, old())
