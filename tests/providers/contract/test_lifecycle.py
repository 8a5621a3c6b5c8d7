"""What every adapter does with models: finds, describes, loads, measures, unloads."""

import asyncio

import pytest

from bursar.domain.errors import (
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    OutOfMemory,
    ProviderBusy,
    ProviderTimeout,
    ProviderUnavailable,
)
from bursar.domain.providers.values import Capabilities

from .world import HASTY_LOAD, HASTY_STATUS, HASTY_UNLOAD, Contract, Opening

ABILITIES = set(Capabilities.model_fields)


def test_a_probe_says_what_it_can_do_and_why_it_cannot_do_the_rest(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        probe = await here.provider.probe()
        assert probe.reachable and (probe.code, probe.cause) == ("", "")
        assert probe.capabilities == here.provider.capabilities
        assert set(probe.lacks) == ABILITIES - set(probe.capabilities.names)
        assert all(probe.lacks.values())

    opening.run(test)


def test_a_probe_of_a_provider_that_is_gone_says_so_and_one_that_is_back_is_well(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        server = here.simulator().server
        await server.stop()
        probe = await here.provider.probe()
        assert (probe.reachable, probe.code) == (False, "PROVIDER_UNAVAILABLE")
        assert probe.cause
        await server.start()
        assert (await here.provider.probe()).reachable

    opening.run(test)


def test_a_probe_of_a_provider_that_is_silent_ends(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        simulated.world.faults.hang |= {simulated.health, simulated.status}
        probe = await here.provider.probe()
        assert not probe.reachable
        assert probe.code in {"PROVIDER_TIMEOUT", "PROVIDER_BUSY"}

    opening.run(test, HASTY_STATUS)


def test_a_probe_loads_nothing(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        loads = world.loads
        await here.provider.probe()
        await here.provider.catalogue()
        await here.provider.resident()
        if not here.knows_all:
            await here.provider.describe(here.llm)
        assert world.loads == loads

    opening.run(test)


def test_a_model_is_loaded_with_the_window_that_is_asked_for(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        described = await here.provider.describe(here.llm)
        if not described.most_context_tokens:
            pytest.skip(f"{here.provider.name} does not let the window of a load be chosen")
        assert described.context_tokens <= described.most_context_tokens
        half = described.context_tokens // 2
        loaded = await here.provider.load(described.model_copy(update={"context_tokens": half}))
        assert loaded.context_tokens == half
        [resident] = await here.provider.resident()
        assert resident.context_tokens == half
        await here.ask()
        [resident] = await here.provider.resident()
        assert resident.context_tokens == half

    opening.run(test)


def test_the_catalogue_is_sorted_and_has_what_is_installed(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        names = await here.provider.catalogue()
        assert list(names) == sorted(set(names))
        assert here.llm in names
        assert here.embedding is None or here.embedding in names
        assert here.unknown not in names

    opening.run(test)


def test_a_model_is_described_without_being_loaded(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        description = await here.provider.describe(here.llm)
        assert description.model == here.llm
        assert description.digest and description.provenance and description.device
        assert description.slots > 0
        assert min(description.weights_bytes, description.kv_bytes_per_token, description.overhead_bytes) >= 0

    opening.run(test)


def test_what_is_not_known_is_neither_described_nor_loaded(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        if here.knows_all:
            return
        assert isinstance(await here.failure(here.provider.describe(here.unknown)), InvalidModelId)
        if here.provider.capabilities.load:
            known = await here.provider.describe(here.llm)
            strange = known.model_copy(update={"model": here.unknown})
            assert isinstance(await here.failure(here.provider.load(strange)), InvalidModelId)

    opening.run(test)


def test_what_was_loaded_is_resident_and_measured_until_it_is_unloaded(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load", "unload")
        description = await here.provider.describe(here.llm)
        loaded = await here.provider.load(description)
        assert (loaded.model, loaded.digest) == (here.llm, description.digest)
        assert 0 < loaded.context_tokens <= description.context_tokens
        assert loaded.provenance
        if here.provider.capabilities.measure_memory:
            assert sum(loaded.memory.values()) > 0
        residents = await here.provider.resident()
        assert [(one.model, one.context_tokens) for one in residents] == [(here.llm, loaded.context_tokens)]
        await here.provider.unload(here.llm)
        assert await here.provider.resident() == ()
        if here.simulated:
            assert here.simulated.world.instances == {}

    opening.run(test)


def test_memory_is_what_the_provider_reports_and_not_what_was_expected(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load", "measure_memory")
        world = here.simulator().world
        world.faults.takes_per_mille = 1700
        loaded = await here.load()
        assert loaded is not None
        assert sum(loaded.memory.values()) == sum(map(world.reported, world.instances.values()))

    opening.run(test)


def test_loading_twice_is_one_load(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        description = await here.provider.describe(here.llm)
        first, second = await asyncio.gather(here.provider.load(description), here.provider.load(description))
        third = await here.provider.load(description)
        assert first.model == second.model == third.model
        assert len(await here.provider.resident()) == 1
        if here.simulated:
            assert len(here.simulated.world.instances) == 1
            assert here.simulated.world.violations == []

    opening.run(test)


def test_unloading_what_is_not_loaded_is_no_error(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("unload")
        await here.provider.unload(here.llm)
        await here.load()
        await here.provider.unload(here.llm)
        await here.provider.unload(here.llm)
        assert await here.provider.resident() == ()

    opening.run(test)


def test_an_unload_that_does_not_happen_is_an_error(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load", "unload")
        world = here.simulator().world
        await here.load()
        world.faults.unload_ignored = True
        assert isinstance(await here.failure(here.provider.unload(here.llm)), ModelUnloadFailed)
        assert len(await here.provider.resident()) == 1

    opening.run(test, HASTY_UNLOAD)


def test_a_load_that_runs_out_of_memory_says_so_and_leaves_nothing(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        simulated = here.simulator()
        simulated.world.faults.load_error = "cudaMalloc failed: out of memory"
        failure = await here.failure(here.load())
        if here.says_why:
            assert isinstance(failure, OutOfMemory) and failure.values["phase"] == "load"
        else:
            assert isinstance(failure, ModelLoadFailed)
        assert await here.provider.resident() == ()
        simulated.world.faults.load_error = None
        assert await here.load()

    opening.run(test)


def test_a_load_that_fails_says_why(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        here.simulator().world.faults.load_error = "tensor 'blk.0' has a wrong shape"
        failure = await here.failure(here.load())
        assert isinstance(failure, ModelLoadFailed)
        assert "wrong shape" in str(failure) or not here.says_why

    opening.run(test)


def test_cancelling_a_load_leaves_nothing_loading(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        world = here.simulator().world
        world.may_load.clear()
        loading = asyncio.create_task(here.load())
        await here.until(lambda: world.loading == 1)
        loading.cancel()
        await asyncio.wait({loading})
        assert loading.cancelled()
        world.may_load.set()
        await here.until(lambda: world.loading == 0 and not world.instances)
        assert await here.provider.resident() == ()
        assert world.instances == {}

    opening.run(test)


def test_a_load_that_takes_too_long_is_given_up_and_leaves_nothing(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        world = here.simulator().world
        world.may_load.clear()
        assert isinstance(await here.failure(here.load()), (ProviderTimeout, ModelLoadFailed))
        world.may_load.set()
        await here.until(lambda: world.loading == 0 and not world.instances)
        assert await here.provider.resident() == ()

    opening.run(test, HASTY_LOAD)


def test_a_provider_that_is_lost_in_the_middle_of_a_load_says_so(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        simulated = here.simulator()
        simulated.world.may_load.clear()
        loading = asyncio.create_task(here.failure(here.load()))
        await here.until(lambda: simulated.world.loading == 1)
        await simulated.server.stop()
        assert isinstance(await loading, (ProviderUnavailable, ModelLoadFailed))
        assert isinstance(await here.failure(here.provider.resident()), ProviderUnavailable)

    opening.run(test)


def test_a_question_that_gets_no_answer_is_no_sign_of_death(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        simulated.world.faults.hang.add(simulated.status)
        failure = await here.failure(here.provider.resident())
        assert isinstance(failure, (ProviderBusy, ProviderTimeout))

    opening.run(test, HASTY_STATUS)


def test_what_somebody_else_unloaded_is_not_resident(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        world = here.simulator().world
        await here.load()
        world.forget_all()
        assert await here.provider.resident() == ()
        assert await here.load()

    opening.run(test)
