"""Providers that misbehave, behind a whole manager; in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.domain.errors import CircuitOpen, ModelVanished, ProviderBusy, ProviderUnavailable
from bursar.domain.events import Event
from bursar.domain.host.events import ManagerStarted
from bursar.domain.providers.values import Capabilities
from bursar.domain.resilience.events import BreakerChanged, RecoveryFinished
from bursar.domain.resilience.machine import BreakerState
from bursar.eventstore.journal import Journal
from bursar.opening import serve
from bursar.testing.simloop import SimLoop, run
from bursar.testing.simulated import Faults, SimulatedProvider, SimulatedSensor
from bursar.testing.storage import InlineStorage

from .support import HELLO, history

IDENTITY = ManagerStarted(pid=1, host="", code_version="", code_fingerprint="", python="", sqlite="")

Work = Callable[[bursar.ResourceManager, SimulatedProvider], Coroutine[Any, Any, None]]


class Sick(SimulatedProvider):
    """Says what it was asked, in order."""

    def __init__(self, name: str, **how: Any) -> None:
        super().__init__({"a": 100, "b": 100}, seed=3, **how)
        self.name = name
        self.calls: list[str] = []
        self.asked = self.calls.append


def simulated(folder: Path, work: Work, how: dict[str, Any] | None = None, **settings: Any) -> list[Event]:
    """Run with two providers, `sick` and `well`; returns what is in the journal."""

    async def main(loop: SimLoop) -> None:
        sick, well = Sick("sick", **(how or {})), Sick("well")
        sensor = SimulatedSensor(sick, "sick", total_bytes=1 << 30)
        chosen = bursar.Settings(**settings)
        journal = Journal.open(folder / "journal.db", clock_ns=loop.now_ns, storage=InlineStorage)
        providers = {"sick": sick, "well": well}
        with journal as store:
            async with serve(
                store, chosen, providers, sensor=sensor, clock=loop, identity=IDENTITY
            ) as manager:
                await work(manager, sick)
                assert not manager.state.requests, "a request is left open"
                assert not any(model.leases for model in manager.state.models.values())

    run(main, seed=1)
    return history(folder)


def named(events: list[Event], *names: str) -> list[str]:
    """The names of those events that have one of these, in order."""
    return [event.body.name for event in events if event.body.name in names]


RETRIES = ("RetryAsked", "RetryGranted", "RetryDenied", "RequestFinished")


def test_a_call_that_failed_before_its_first_byte_is_made_again(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "failing"
        asyncio.get_running_loop().call_later(0.2, setattr, provider, "mood", "well")
        assert (await manager.chat("sick:a", HELLO)).text

    events = simulated(tmp_path, work)
    assert named(events, *RETRIES)[1:] == ["RetryAsked", "RetryGranted", "RequestFinished"]


def test_after_the_last_attempt_the_caller_hears_of_the_failure_once(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "failing"
        with pytest.raises(ProviderUnavailable, match="the simulation says so"):
            await manager.chat("sick:a", HELLO)
        assert isinstance(provider, Sick)
        assert provider.calls == ["a"] * 4, "the load and three attempts"

    events = simulated(tmp_path, work)
    assert named(events, *RETRIES)[1:] == [
        "RetryAsked",
        "RetryGranted",
        "RetryAsked",
        "RetryGranted",
        "RetryAsked",
        "RetryDenied",
        "RequestFinished",
    ]


def test_nothing_is_made_again_after_the_first_byte(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        async with await manager.chat("sick:a", HELLO, stream=True, max_tokens=1000) as stream:
            await anext(stream)
            provider.faults = Faults(dies_while_answering=1000)
            with pytest.raises(ModelVanished):
                await stream.collect()

    assert "RetryAsked" not in named(simulated(tmp_path, work), *RETRIES)


def test_who_leaves_while_a_retry_is_waited_for_leaves_nothing_behind(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "failing"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await manager.chat("sick:a", HELLO)

    assert named(simulated(tmp_path, work), "RequestCancelled") == ["RequestCancelled"]


def test_a_busy_provider_is_asked_when_it_said(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "busy"
        with pytest.raises(ProviderBusy):
            await manager.chat("sick:a", HELLO)
        provider.mood = "well"
        busy_until = manager.state.breakers["sick"].busy_until
        assert busy_until > manager.state.at
        await manager.chat("sick:a", HELLO)

    events = simulated(tmp_path, work)
    granted = [event for event in events if event.body.name == "LeaseGranted"]
    busy = [event for event in events if event.body.name == "RetryAsked"]
    assert granted[-1].at >= busy[-1].at + 1_000_000_000


def test_a_lease_granted_before_the_breaker_opened_is_looked_at_before_the_call(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        stream = await manager.chat("sick:a", HELLO, stream=True)
        await manager.set_breaker("sick", "forced_open")
        with pytest.raises(
            CircuitOpen, match="sick is not asked now, its breaker is forced_open: an operator"
        ):
            await anext(stream)
        assert isinstance(provider, Sick)
        assert provider.calls == ["a"], "the load alone"

    events = simulated(tmp_path, work)
    assert named(events, "BreakerSet", "BreakerChanged") == ["BreakerSet", "BreakerChanged"]


def test_a_provider_that_fails_is_left_alone_and_comes_back(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "failing"
        with pytest.raises(ProviderUnavailable):
            await manager.chat("sick:a", HELLO)
        with pytest.raises(CircuitOpen, match=r"Try again in \d+ ms") as refused:
            await manager.chat("sick:a", HELLO)
        provider.mood = "well"
        await asyncio.sleep(int(str(refused.value.values["retry_after_ms"])) / 1000)
        for _ in range(3):
            await manager.chat("sick:a", HELLO)
        await asyncio.sleep(31)
        assert manager.state.breakers["sick"].state is BreakerState.CLOSED

    breaker = {"minimum_number_of_calls": 4}
    events = simulated(tmp_path, work, breaker=breaker)
    states = [event.body.after.value for event in events if isinstance(event.body, BreakerChanged)]
    assert states == ["open", "half_open", "recovering", "closed"]


def test_why_tells_of_a_breaker_what_its_window_held(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "failing"
        with pytest.raises(ProviderUnavailable):
            await manager.chat("sick:a", HELLO)
        opened: list[Event] = []
        manager.on("BreakerChanged", opened.append)
        with pytest.raises((ProviderUnavailable, CircuitOpen)):
            await manager.chat("sick:a", HELLO)
        await asyncio.sleep(1)
        told = str(manager.why(opened[0].position))
        assert "the breaker of sick became open" in told
        assert "4 of 5 calls failed" in told
        assert "failure rate per mille" in told

    simulated(tmp_path, work, breaker={"minimum_number_of_calls": 5})


FALLBACKS = {"sick:a": "well:a"}


def test_another_model_answers_and_the_answer_says_which(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        await manager.set_breaker("sick", "forced_open")
        assert (await manager.chat("sick:a", HELLO)).model == "well:a"

    simulated(tmp_path, work, fallbacks=FALLBACKS)


def test_a_call_that_keeps_failing_ends_with_the_other_model(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "failing"
        answer = await manager.chat("sick:a", HELLO)
        assert (answer.model, bool(answer.text)) == ("well:a", True)

    events = simulated(tmp_path, work, fallbacks=FALLBACKS)
    assert named(events, "RetryGranted", "RequestRedirected") == ["RetryGranted"] * 2 + ["RequestRedirected"]


def test_a_provider_that_was_never_there_is_answered_for(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        provider.reachable = False
        assert (await manager.chat("sick:a", HELLO)).model == "well:a"
        with pytest.raises(ProviderUnavailable):
            await manager.chat("sick:b", HELLO)

    simulated(tmp_path, work, fallbacks=FALLBACKS)


def test_what_is_known_is_not_given_up_because_it_cannot_be_described_again(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        await manager.unload_model("sick:a")
        provider.mood = "failing"
        with pytest.raises(ProviderUnavailable, match="sick is not available: the simulation says so"):
            await manager.chat("sick:a", HELLO)

    assert "ModelLoadFailed" in named(simulated(tmp_path, work), "ModelLoadFailed")


def recovered(folder: Path, how: dict[str, Any] | None = None, **recovery: Any) -> RecoveryFinished:
    """What came of a recovery procedure after two failures."""

    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        await manager.load_model("sick:a")
        provider.mood = "failing"
        with pytest.raises(ProviderUnavailable):
            await manager.chat("sick:a", HELLO)
        provider.mood = "well"
        await asyncio.sleep(5)

    events = simulated(folder, work, how, recovery={"cleanup": {"threshold": "none"}, **recovery})
    [outcome] = [event.body for event in events if isinstance(event.body, RecoveryFinished)]
    return outcome


def test_cleaning_up_compares_what_it_holds(tmp_path: Path) -> None:
    outcome = recovered(tmp_path, cleanup={"threshold": 2})
    assert (outcome.ok, outcome.cause_text) == (True, "what it holds was compared with the books")


def test_restarting_unloads_its_models(tmp_path: Path) -> None:
    outcome = recovered(tmp_path, restart={"threshold": 2})
    assert (outcome.ok, outcome.cause_text) == (True, "unloaded to be loaded afresh: sick:a")


def test_restarting_what_cannot_be_restarted_says_so(tmp_path: Path) -> None:
    how = {"capabilities": Capabilities(load=True, measure_memory=True)}
    outcome = recovered(tmp_path, how, restart={"threshold": 2})
    assert not outcome.ok
    assert "cannot unload models" in outcome.cause_text


@pytest.mark.parametrize(("provider", "state"), [("nobody", "closed"), ("sick", "half_open")])
def test_a_breaker_that_is_not_there_cannot_be_set(tmp_path: Path, provider: str, state: str) -> None:
    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        with pytest.raises(ValueError, match=r"no provider is called|cannot be set"):
            await manager.set_breaker(provider, state)  # type: ignore[arg-type]  # that is what is tested

    simulated(tmp_path, work)
