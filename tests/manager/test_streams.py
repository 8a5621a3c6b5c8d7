"""Streams and leases that end otherwise than by being read to the end; in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.domain.host.events import ManagerStarted
from bursar.eventstore.journal import Journal
from bursar.opening import serve
from bursar.testing.simloop import SimLoop, run
from bursar.testing.simulated import SimulatedProvider, SimulatedSensor
from bursar.testing.storage import InlineStorage

from .support import HELLO, history

IDENTITY = ManagerStarted(pid=1, host="", code_version="", code_fingerprint="", python="", sqlite="")

Work = Callable[[bursar.ResourceManager, SimulatedProvider], Coroutine[Any, Any, None]]


def simulated(folder: Path, work: Work, **settings: Any) -> list[str]:
    """Run with two simulated models, room for one; return how the requests ended, in order."""

    async def main(loop: SimLoop) -> None:
        provider = SimulatedProvider({"a": 100, "b": 100}, seed=3)
        sensor = SimulatedSensor(provider, "sim", total_bytes=1 << 30)
        limits = {"max_models_loaded": 1, **settings}
        journal = Journal.open(folder / "journal.db", clock_ns=loop.now_ns, storage=InlineStorage)
        with journal as store:
            chosen = bursar.Settings(limits=limits)
            async with serve(
                store, chosen, {"sim": provider}, sensor=sensor, clock=loop, identity=IDENTITY
            ) as manager:
                await work(manager, provider)

    run(main, seed=1)
    ends = ("RequestFinished", "RequestCancelled", "RequestAborted", "LeaseRevoked")
    return [event.body.name for event in history(folder) if event.body.name in ends]


def test_a_stream_that_is_closed_early_stops_generating_and_gives_the_model_back(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        async with await manager.chat("sim:a", HELLO, stream=True, max_tokens=1000) as stream:
            await anext(stream)
            assert provider.answering == {"a": 1}
        assert provider.answering == {"a": 0}
        assert not manager.state.requests
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    assert simulated(tmp_path, work) == ["RequestCancelled"]


def test_a_stream_whose_lease_is_taken_back_says_so(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        with pytest.raises(bursar.LeaseExpired) as expired:
            await manager.chat("sim:a", HELLO, max_tokens=1000)
        assert expired.value.code == "LEASE_EXPIRED"
        assert provider.answering == {"a": 0}

    assert simulated(tmp_path, work, lease_max=2) == ["LeaseRevoked"]


def test_a_forgotten_stream_does_not_keep_others_waiting_for_ever(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        forgotten = await manager.chat("sim:a", HELLO, stream=True, max_tokens=1000)
        await anext(forgotten)
        await manager.load_model("sim:b")
        with pytest.raises(bursar.LeaseExpired):
            await anext(forgotten)

    assert simulated(tmp_path, work, lease_max=600) == ["LeaseRevoked", "RequestFinished"]


def test_cancelling_a_chat_cancels_the_request(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(12):
                await manager.chat("sim:a", HELLO, max_tokens=1000)
        assert provider.answering == {"a": 0}

    assert simulated(tmp_path, work) == ["RequestCancelled"]


def test_closing_waits_a_little_and_then_tells_whoever_still_holds_a_model(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, provider: SimulatedProvider) -> None:
        stream = await manager.chat("sim:a", HELLO, stream=True, max_tokens=1000)
        await anext(stream)
        await manager.close()
        assert provider.held == {}
        with pytest.raises(bursar.ManagerClosed):
            await anext(stream)
        with pytest.raises(bursar.ManagerClosed):
            await manager.chat("sim:a", HELLO)

    assert simulated(tmp_path, work) == ["LeaseRevoked"]


def test_options_and_messages_that_cannot_be_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    async def work(manager: bursar.ResourceManager, _provider: SimulatedProvider) -> None:
        with pytest.raises(TypeError, match="no option 'max_token'"):
            await manager.chat("sim:a", HELLO, max_token=3)  # type: ignore[call-overload] # that is the point
        for message in ({"role": "robot", "content": "x"}, {"role": "user"}, {"role": "user", "content": 3}):
            with pytest.raises(ValueError, match="a message has"):
                await manager.chat("sim:a", [message])

    assert simulated(tmp_path, work) == []
