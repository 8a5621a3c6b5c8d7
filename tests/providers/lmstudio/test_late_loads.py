"""Loads that nobody waits for any more, or whose end nobody hears: none is left over, and none is doubled."""

# These tests look at the locks inside.
# pyright: reportPrivateUsage=false

import asyncio

import pytest

from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import (
    ModelVanished,
    ProviderTimeout,
    ProviderUnavailable,
)
from bursar.testing.provider.faults import Refusal

from .studio_world import LLM, LOAD, MODELS, UNLOAD, Studio, held, run

#: Patience for a load that is over before anybody could do anything about it.
SHORT = ProviderTimeouts(load_s=0.05, unload_s=5)
SHORT_OF_ALL = ProviderTimeouts(load_s=0.2, unload_s=0.1)


def test_a_load_that_was_cancelled_is_unloaded_when_it_comes() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            loading = asyncio.create_task(here.load())
            await here.until(lambda: here.world.loading == 1)
            loading.cancel()
            await asyncio.wait({loading})
        await here.until(lambda: here.world.unloads == 1)
        assert here.world.instances == {}
        await unlocked(here)
        assert await here.provider.resident() == ()
        assert here.lost == []

    run(test)


def test_what_is_about_to_be_undone_is_leaving_and_not_believed_in_afterwards() -> None:
    async def test(here: Studio) -> None:
        here.world.timing.unload = 0.02
        async with held(here.world.may_load):
            loading = asyncio.create_task(here.load())
            await here.until(lambda: here.world.loading == 1)
            loading.cancel()
        await here.until(lambda: len(here.bodies(UNLOAD)) == 1)
        assert [one.leaving for one in await here.provider.resident()] == [True]
        await unlocked(here)
        assert isinstance(await here.failure(here.ask()), ModelVanished)
        assert here.world.violations == []

    run(test)


def test_a_load_that_comes_too_late_is_unloaded() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            failure = await here.failure(here.load())
            assert isinstance(failure, ProviderTimeout) and "not loaded within 0.05 s" in str(failure)
        await here.until(lambda: here.world.unloads == 1)
        assert here.world.instances == {}

    run(test, timeouts=SHORT)


def test_whoever_asks_again_gets_the_load_that_came_late() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            first = asyncio.create_task(here.load())
            await here.until(lambda: here.world.loading == 1)
            first.cancel()
            again = asyncio.create_task(here.load())
            await asyncio.wait({first})
            await waiting(here, 1)
        assert (await again).model == LLM
        assert (here.world.loads, here.world.unloads) == (1, 0)
        assert here.world.violations == []

    run(test)


def test_whoever_gives_up_while_another_load_goes_on_changes_nothing() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            first = asyncio.create_task(here.load())
            await here.until(lambda: here.world.loading == 1)
            second = asyncio.create_task(here.load())
            await waiting(here, 2)
            second.cancel()
            await asyncio.wait({second})
        await first
        assert (here.world.loads, here.world.unloads) == (1, 0)
        assert [one.leaving for one in await here.provider.resident()] == [False]

    run(test)


@pytest.mark.parametrize("meanwhile", ["silent", "gone"])
def test_a_load_that_is_never_answered_holds_others_up_for_a_while_and_not_for_ever(meanwhile: str) -> None:
    async def test(here: Studio) -> None:
        description = await here.provider.describe(LLM)
        here.world.faults.hang.add(LOAD)
        assert isinstance(await here.failure(here.provider.load(description)), ProviderTimeout)
        here.world.faults.hang.clear()
        if meanwhile == "gone":
            await here.server.stop()
        here.world.faults.refusals[MODELS] = Refusal(504, "")
        await unlocked(here)
        here.world.faults.refusals.clear()
        if meanwhile == "gone":
            await here.server.start()
        assert (await here.load()).model == LLM
        assert here.world.violations == []

    run(test, timeouts=SHORT_OF_ALL)


def test_whoever_asks_again_gets_the_load_whose_answer_was_lost_on_the_way() -> None:
    async def test(here: Studio) -> None:
        here.world.faults.refusals[LOAD] = Refusal(504, "<html>Gateway Time-out</html>")
        assert isinstance(await here.failure(here.load()), ProviderTimeout)
        del here.world.faults.refusals[LOAD]
        again = asyncio.create_task(here.load())
        await waiting(here, 1)
        looked = len(here.bodies(MODELS))
        await here.until(lambda: len(here.bodies(MODELS)) > looked + 1)
        await here.post(LOAD, {"model": LLM})
        assert (await again).model == LLM
        assert (here.world.loads, here.world.unloads) == (1, 0)

    run(test)


def test_a_load_that_is_not_confirmed_is_undone() -> None:
    async def test(here: Studio) -> None:
        async with held(here.world.may_load):
            loading = asyncio.create_task(here.failure(here.load()))
            await here.until(lambda: here.world.loading == 1)
            here.world.faults.refusals[MODELS] = Refusal(500, '{"error": "the cat sat on it"}')
        assert isinstance(await loading, ProviderUnavailable)
        await here.until(lambda: here.world.unloads == 1)

    run(test)


def test_a_load_that_is_said_to_be_done_and_is_not_listed_has_failed() -> None:
    async def test(here: Studio) -> None:
        here.world.faults.refusals[LOAD] = Refusal(200, '{"instance_id": "ghost", "status": "loaded"}')
        failure = await here.failure(here.load())
        assert isinstance(failure, ProviderUnavailable) and "ghost is not listed" in str(failure)

    run(test)


def test_a_late_load_that_cannot_be_undone_is_among_the_residents() -> None:
    async def test(here: Studio) -> None:
        here.world.faults.refusals[UNLOAD] = Refusal(500, '{"error": "the cat sat on it"}')
        async with held(here.world.may_load):
            await here.failure(here.load())
        await here.until(lambda: bool(here.world.instances))
        while (await here.provider.resident())[0].leaving:
            pass
        assert [one.model for one in await here.provider.resident()] == [LLM]

    run(test, timeouts=SHORT)


def test_a_load_whose_answer_is_lost_on_the_way_is_undone_when_it_comes() -> None:
    async def test(here: Studio) -> None:
        # A proxy gives up; LM Studio behind it does not.
        here.world.faults.refusals[LOAD] = Refusal(504, "<html>Gateway Time-out</html>")
        assert isinstance(await here.failure(here.load()), ProviderTimeout)
        del here.world.faults.refusals[LOAD]
        await here.post(LOAD, {"model": LLM})
        await here.until(lambda: here.world.unloads == 1)

    run(test)


def test_a_provider_that_goes_in_the_middle_of_a_load_is_one_error_and_a_load_later_works() -> None:
    async def test(here: Studio) -> None:
        here.world.may_load.clear()
        loading = asyncio.create_task(here.failure(here.load()))
        await here.until(lambda: here.world.loading == 1)
        await here.server.stop()
        assert isinstance(await loading, ProviderUnavailable)
        here.world.may_load.set()
        here.world.forget_all()
        await here.server.start()
        assert (await here.load()).model == LLM

    run(test)


def test_closing_ends_a_load_that_somebody_waits_for() -> None:
    async def test(here: Studio) -> None:
        here.world.may_load.clear()
        loading = asyncio.create_task(here.failure(here.load()))
        await here.until(lambda: here.world.loading == 1)
        await here.provider.close()
        assert isinstance(await loading, ProviderUnavailable)
        here.world.may_load.set()

    run(test)


async def unlocked(here: Studio) -> None:
    """Turn the loop until no load of the model is followed any more."""
    while here.provider._loads.locks[LLM].locked():
        await asyncio.sleep(0)


async def waiting(here: Studio, loads: int) -> None:
    """Turn the loop until so many wait for the model to be loaded."""
    while len(here.provider._loads._asked[LLM]) != loads:
        await asyncio.sleep(0)
