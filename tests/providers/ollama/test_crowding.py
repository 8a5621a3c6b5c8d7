"""How many models an Ollama holds at once: learnt from what its loads displace, and unlearnt."""

import pytest

from bursar.adapters.providers.ollama.crowding import Crowding
from bursar.testing.provider.ollama import Switches

from .world import Here, running

HOUR_S = 3600


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_displacement_proves_nothing_and_two_do() -> None:
    crowding = Crowding()
    limits: list[int | None] = []
    for _ in range(2):
        crowding.displaced(1)
        limits.append(crowding.limit)
    assert limits == [None, 1]


def test_of_two_figures_the_larger_holds() -> None:
    crowding = Crowding()
    crowding.displaced(1)
    crowding.displaced(2)
    assert crowding.limit == 2


def test_more_than_believed_refutes_it_and_so_many_do_not() -> None:
    crowding = Crowding()
    crowding.displaced(2)
    crowding.displaced(2)
    limits: list[int | None] = []
    for held in (2, 3):
        crowding.held(held)
        limits.append(crowding.limit)
    assert limits == [2, None]
    crowding.displaced(2)
    assert crowding.limit is None
    assert crowding.suspected


def test_what_was_learnt_lapses_and_is_learnt_from_the_beginning_then() -> None:
    clock = Clock()
    crowding = Crowding(clock)
    crowding.displaced(1)
    crowding.displaced(1)
    clock.now = HOUR_S
    limits = [crowding.limit]
    assert not crowding.suspected
    for _ in range(2):
        crowding.displaced(3)
        limits.append(crowding.limit)
    assert limits == [None, None, 3]


async def _limit(here: Here) -> int | None:
    return (await here.provider.probe()).max_loaded


@pytest.mark.parametrize("version", ["0.12.11", "0.32.15"])
def test_loads_that_displace_others_are_noticed(version: str) -> None:
    async def test(here: Here) -> None:
        await here.load("small")
        await here.load("llama:8b")
        assert await _limit(here) is None
        await here.load("small")
        assert await _limit(here) == 1

    running(test, Switches(version=version, max_loaded=1))


def test_as_many_as_are_left_are_what_it_holds() -> None:
    async def test(here: Here) -> None:
        for model in ("small", "llama:8b", "vectors", "llama:8b"):
            await here.load(model)
        assert await _limit(here) == 2

    running(test, Switches(max_loaded=2))


def test_what_we_unload_ourselves_was_not_displaced() -> None:
    async def test(here: Here) -> None:
        for _ in range(3):
            await here.load("small")
            await here.provider.unload("small")
            await here.load("llama:8b")
            await here.provider.unload("llama:8b")
        assert await _limit(here) is None

    running(test)


def test_what_somebody_unloads_between_our_loads_was_not_displaced() -> None:
    async def test(here: Here) -> None:
        for model in ("small", "llama:8b") * 3:
            await here.load(model)
            await here.post("/api/generate", model=model, keep_alive=0)
            await here.until(lambda: not here.world.instances)
        assert await _limit(here) is None

    running(test)


def test_what_was_to_leave_by_itself_was_not_displaced() -> None:
    async def test(here: Here) -> None:
        for _ in range(3):
            await here.post("/api/generate", model="llama:8b", keep_alive="5m")
            await here.provider.resident()
            await here.load("small")
            await here.provider.unload("small")
        assert here.world.loads == 6
        assert await _limit(here) is None

    running(test, Switches(max_loaded=1))
