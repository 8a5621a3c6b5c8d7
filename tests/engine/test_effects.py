"""How models are moved by what their providers can do, and what that is seen to take; in virtual time."""

import asyncio
from pathlib import Path

import pytest

import bursar
from bursar.domain.errors import Unsupported
from bursar.domain.models.events import (
    MemoryMeasured,
    ModelSlept,
    UnderreportingNoticed,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.providers.values import Capabilities
from bursar.testing.simulated import ALL, Faults, SimulatedProvider

from .managing import GIB, HELLO, SIZES, managing, of


def test_a_provider_that_can_only_sleep_makes_room_and_is_woken(tmp_path: Path) -> None:
    can = Capabilities(load=True, sleep=True, measure_memory=True)
    provider = SimulatedProvider({"a": GIB, "b": GIB, "c": GIB}, capabilities=can)

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        for model in "abca":
            await manager.chat(f"sim:{model}", HELLO)
        assert len(provider.asleep) == 1
        assert manager.state.models["sim:a"].state is ModelState.READY
        await manager.unload_model("sim:a")
        assert manager.state.models["sim:a"].memory == {"ram": GIB // 8}

    managing(tmp_path, provider, work)
    assert provider.violations == []
    assert sorted(provider.asleep) == ["a", "b", "c"], "what was ours sleeps when the manager closes"


def test_a_model_that_sleeps_is_found_asleep_and_woken_before_it_is_asked(tmp_path: Path) -> None:
    can = Capabilities(load=True, sleep=True, measure_memory=True)
    provider = SimulatedProvider(SIZES, capabilities=can)
    provider.asleep["a"] = 7

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        assert manager.state.models["sim:a"].state is ModelState.SLEEPING
        await manager.chat("sim:a", HELLO)

    (slept, *_) = of(managing(tmp_path, provider, work), ModelSlept)
    assert (slept.model, slept.origin) == ("sim:a", "external")
    assert provider.violations == []


def test_a_provider_that_cannot_load_serves_what_is_assumed_and_moves_nothing(
    tmp_path: Path,
) -> None:
    provider = SimulatedProvider(SIZES, capabilities=Capabilities())
    provider.load_by_hand("a")

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        await manager.chat("sim:a", HELLO)
        with pytest.raises(Unsupported):
            await manager.unload_model("sim:a")
        (row,) = [row for row in manager.models() if row.model == "sim:a"]
        assert (row.origin, row.lacks, row.memory) == ("assumed", ("load", "unload", "measure_memory"), {})

    managing(tmp_path, provider, work)
    assert (provider.loads, provider.unloads) == (0, 0)


def test_a_provider_that_says_too_little_is_noticed_by_what_the_machine_sees(tmp_path: Path) -> None:
    provider = SimulatedProvider(SIZES)
    provider.tells_per_mille = 500

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        for model in "abc":
            await manager.load_model(f"sim:{model}")
            await manager.unload_model(f"sim:{model}")
        await manager.load_model("sim:a")
        assert manager.state.models["sim:a"].memory == {"ram": GIB}

    history = managing(tmp_path, provider, work, processes=False)
    assert [fact.sensed for fact in of(history, MemoryMeasured)][:3] == [{"ram": GIB}] * 3
    (noticed,) = of(history, UnderreportingNoticed)
    assert (noticed.provider, noticed.added_per_mille) == ("sim", 1000)


def test_loads_that_overlap_are_not_measured(tmp_path: Path) -> None:
    provider = SimulatedProvider(SIZES)
    provider.tells_per_mille = 500

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        await asyncio.gather(manager.load_model("sim:a"), manager.load_model("sim:b"))

    assert of(managing(tmp_path, provider, work, processes=False), MemoryMeasured) == []


def test_where_nothing_is_measured_what_the_machine_sees_is_counted(tmp_path: Path) -> None:
    provider = SimulatedProvider(SIZES, capabilities=ALL.model_copy(update={"measure_memory": False}))
    provider.faults = Faults(takes_more=1000)

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        await asyncio.sleep(0.1)
        assert manager.state.models["sim:a"].memory == {"ram": GIB * 3 // 2}

    managing(tmp_path, provider, work, processes=False)


def test_a_provider_that_can_sleep_and_not_load_is_put_to_sleep_and_woken(tmp_path: Path) -> None:
    """Like vLLM: its models are there from its start, and others' until they were woken by us."""
    provider = SimulatedProvider(SIZES, capabilities=Capabilities(sleep=True, measure_memory=True))
    provider.load_by_hand("a")

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        await manager.chat("sim:a", HELLO)
        await manager.unload_model("sim:a")
        assert manager.state.models["sim:a"].state is ModelState.SLEEPING
        await manager.chat("sim:a", HELLO)
        provider.asleep["a"] = provider.held.pop("a")
        await manager.chat("sim:a", HELLO)

    managing(tmp_path, provider, work)
    assert provider.violations == ["a was asked while it slept"], "by whoever could not know yet"
    assert list(provider.asleep) == ["a"]
