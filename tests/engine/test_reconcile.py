"""What the providers hold is found out again and again, and every difference is a fact; in virtual time."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

import bursar
from bursar.domain.errors import ProviderBusy, ProviderTimeout
from bursar.domain.models.events import (
    ModelFound,
    ModelLost,
    ResidencyChanged,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.models.values import Residency
from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities, Probe
from bursar.eventstore.reader import Reader
from bursar.projections.log import line
from bursar.testing.simulated import Faults, SimulatedProvider

from .managing import GIB, HELLO, SIZES, SOON_S, managing, of


async def nothing(_manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
    """Come and go."""


def test_every_provider_is_observed_once_and_again_only_when_it_is_another(tmp_path: Path) -> None:
    async def work(_manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await asyncio.sleep(300)
        provider.capabilities = Capabilities(load=True, unload=True)
        await asyncio.sleep(300)

    history = managing(tmp_path, SimulatedProvider(SIZES), work, nothing)
    seen = of(history, ProviderObserved)
    assert [(one.reachable, one.engine, one.capabilities.names) for one in seen] == [
        (True, "simulated", ("load", "unload", "measure_memory")),
        (True, "simulated", ("load", "unload")),
    ]
    assert history.index(next(event for event in history if event.body is seen[0])) == 3


def test_a_provider_that_answers_but_not_as_it_should_is_told_and_so_is_its_end(tmp_path: Path) -> None:
    """Such as an Ollama whose scheduler is dead-locked while every question is answered (its issue 17408)."""
    stuck = "it answers questions, but a load of a has been open for 121 s"

    class Stuck(SimulatedProvider):
        problem = ""

        async def probe(self) -> Probe:
            probe = await super().probe()
            code = "PROVIDER_TIMEOUT" if self.problem else ""
            return probe.model_copy(update={"code": code, "cause": self.problem})

    provider = Stuck(SIZES)

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        provider.problem = stuck
        await asyncio.sleep(70)
        provider.problem = "the same, for longer"
        await asyncio.sleep(70)
        known = manager.state.providers["sim"]
        assert (known.reachable, known.code, known.cause) == (True, "PROVIDER_TIMEOUT", stuck)
        assert known.capabilities == provider.capabilities
        provider.problem = ""
        await asyncio.sleep(70)
        assert manager.state.providers["sim"].code == ""

    history = managing(tmp_path, provider, work)
    assert [one.code for one in of(history, ProviderObserved)] == ["", "PROVIDER_TIMEOUT", ""]
    with closing(Reader(tmp_path / "journal.db")) as reader:
        lines = [line(record).summary for record in reader.read(types=["ProviderObserved"])]
    assert lines[1] == f"sim simulated answers, but not as it should: PROVIDER_TIMEOUT: {stuck}"


def test_while_nothing_differs_nothing_is_written(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        before = manager.state.position
        await asyncio.sleep(3600)
        assert manager.state.position == before

    managing(tmp_path, SimulatedProvider(SIZES), work)


def test_what_somebody_else_loads_is_found_counts_and_stays_when_the_manager_closes(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        provider.load_by_hand("b")
        await asyncio.sleep(SOON_S)
        assert manager.state.models["sim:b"].state is ModelState.READY
        assert manager.state.models["sim:b"].memory == {"ram": GIB}

    provider = SimulatedProvider(SIZES)
    (found,) = of(managing(tmp_path, provider, work), ModelFound)
    assert (found.model, found.origin) == ("sim:b", "external")
    assert list(provider.held) == ["b"]


def test_what_somebody_else_unloads_is_lost_and_why_says_by_whom(tmp_path: Path) -> None:
    told: list[str] = []

    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        provider.unload_by_hand("a")
        await asyncio.sleep(SOON_S)
        told.append(str(manager.why("sim:a")))
        await manager.load_model("sim:a")

    provider = SimulatedProvider(SIZES)
    (lost,) = of(managing(tmp_path, provider, work), ModelLost)
    assert (lost.model, lost.origin) == ("sim:a", "external")
    assert "sim does not hold it any more: somebody else unloaded it, or sim did by itself" in told[0]
    assert "not bursar" in told[0]
    assert provider.violations == []


def test_a_provider_that_forgets_every_model_is_noticed_and_the_ledger_is_right(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        await manager.load_model("sim:b")
        provider.forget_all()
        await asyncio.sleep(SOON_S)
        assert manager.state.resident() == []
        await manager.load_model("sim:c")

    history = managing(tmp_path, SimulatedProvider(SIZES), work)
    assert [lost.model for lost in of(history, ModelLost)] == ["sim:a", "sim:b"]


def test_a_smaller_window_is_noticed_and_the_ledger_follows(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        provider.shrink_by_hand("a")
        await asyncio.sleep(SOON_S)
        assert manager.state.models["sim:a"].memory == {"ram": GIB * 3 // 4}
        (row,) = [row for row in manager.models() if row.model == "sim:a"]
        assert (row.context_asked, row.context_granted) == (4096, 2048)

    history = managing(tmp_path, SimulatedProvider(SIZES), work, processes=False)
    (changed,) = of(history, ResidencyChanged)
    assert (changed.origin, changed.residency.context_tokens) == ("external", 2048)
    assert "ContextShrunk" in [event.body.name for event in history]


def test_of_a_provider_that_is_busy_nothing_is_concluded(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        before = manager.state.position
        provider.stalled = True
        await asyncio.sleep(300)
        assert manager.state.position == before
        provider.stalled = False
        await asyncio.sleep(SOON_S)
        assert manager.state.models["sim:a"].state is ModelState.READY

    assert of(managing(tmp_path, SimulatedProvider(SIZES), work), ModelLost) == []


@pytest.mark.parametrize(
    "error",
    [
        ProviderTimeout(provider="sim", cause="slow"),
        ProviderBusy(provider="sim", cause="full", retry_after_ms=None),
        bursar.ProviderUnavailable(provider="sim", cause="500 something"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_of_a_list_that_fails_nothing_is_concluded(error: Exception, tmp_path: Path) -> None:
    class Failing(SimulatedProvider):
        fails = False

        async def resident(self) -> tuple[Residency, ...]:
            if self.fails:
                raise error
            return await super().resident()

    provider = Failing(SIZES)

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        provider.fails = True
        await asyncio.sleep(SOON_S)
        assert manager.state.models["sim:a"].state is ModelState.READY
        provider.fails = False

    assert of(managing(tmp_path, provider, work), ModelLost) == []


def test_when_a_provider_is_gone_its_models_are_lost_and_when_it_is_back_it_serves(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        async with manager.lease("sim:a") as lease:
            provider.go_away()
            await asyncio.sleep(SOON_S)
            assert lease.revoked is not None
        provider.reachable = True
        await asyncio.sleep(SOON_S)
        await manager.load_model("sim:a")

    history = managing(tmp_path, SimulatedProvider(SIZES), work)
    (lost,) = of(history, ModelLost)
    assert (lost.origin, lost.cause_text) == ("external", "sim is gone: nobody listens at the simulation")
    assert [one.reachable for one in of(history, ProviderObserved)] == [True, False, True]


def test_a_manager_starts_although_a_provider_is_not_there(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        assert manager.state.resident() == []
        provider.reachable = True
        await asyncio.sleep(SOON_S)
        await manager.load_model("sim:a")

    provider = SimulatedProvider(SIZES)
    provider.load_by_hand("a")
    provider.go_away()
    managing(tmp_path, provider, work)


def test_a_load_that_comes_to_a_good_end_after_it_was_given_up_is_found_and_ours(tmp_path: Path) -> None:
    """It is neither lost from the books nor loaded twice, and leaves when the manager closes."""
    provider = SimulatedProvider(SIZES, faults=Faults(load_late=1000))

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        with pytest.raises(bursar.BursarError):
            await manager.load_model("sim:a")
        provider.faults = Faults()
        await asyncio.sleep(60)
        assert manager.state.models["sim:a"].state is ModelState.READY
        await manager.load_model("sim:a")

    (found,) = of(managing(tmp_path, provider, work), ModelFound)
    assert (found.model, found.origin) == ("sim:a", "own")
    assert (provider.loads, provider.held, provider.violations) == (1, {}, [])


def test_whoever_asks_again_while_a_given_up_load_goes_on_does_not_load_twice(
    tmp_path: Path,
) -> None:
    provider = SimulatedProvider(SIZES, faults=Faults(load_late=1000), seed=5)

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        for _ in range(20):
            try:
                await manager.load_model("sim:a")
                break
            except bursar.BursarError:
                await asyncio.sleep(2)
        assert manager.state.models["sim:a"].state is ModelState.READY

    managing(tmp_path, provider, work)
    assert provider.violations == []
    assert provider.held == {}


def test_an_unload_that_did_not_happen_is_found_out(tmp_path: Path) -> None:
    class Pretending(SimulatedProvider):
        pretends = True

        async def unload(self, model: str) -> None:
            if not self.pretends:
                await super().unload(model)

    provider = Pretending(SIZES)

    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        await manager.unload_model("sim:a")
        provider.pretends = False
        await asyncio.sleep(SOON_S)
        assert manager.state.models["sim:a"].state is ModelState.READY

    (found,) = of(managing(tmp_path, provider, work), ModelFound)
    assert found.origin == "own"
    assert provider.held == {}


def test_what_was_unloaded_in_earnest_and_is_loaded_again_by_hand_is_not_ours(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        await manager.unload_model("sim:a")
        await asyncio.sleep(SOON_S)
        provider.load_by_hand("a")
        await asyncio.sleep(SOON_S)

    (found,) = of(managing(tmp_path, SimulatedProvider(SIZES), work), ModelFound)
    assert found.origin == "external"


def test_a_model_that_is_about_to_leave_is_not_gone_yet_and_not_found_again(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        provider.load_by_hand("b")
        provider.leaving = ["a", "b"]
        await asyncio.sleep(SOON_S)
        assert manager.state.models["sim:a"].state is ModelState.READY
        assert "sim:b" not in manager.state.models
        provider.leaving = []

    history = managing(tmp_path, SimulatedProvider(SIZES), work)
    assert of(history, ModelLost) == []


def test_after_an_error_things_are_compared_at_once(tmp_path: Path) -> None:
    """The interval is five seconds; a chat that fails does not wait for it."""

    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sim:a")
        await asyncio.sleep(5.6)
        await manager.configure(retry={"max_attempts": 1})
        provider.forget_all()
        with pytest.raises(bursar.BursarError):
            await manager.chat("sim:a", HELLO)
        await asyncio.sleep(1)
        assert manager.state.models["sim:a"].state is not ModelState.READY

    managing(tmp_path, SimulatedProvider(SIZES), work)
