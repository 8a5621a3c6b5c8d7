"""What providers do that nobody asked for: late, larger, by another hand, all at once."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bursar.adapters.http.client import HttpClient
from bursar.domain.events import Event
from bursar.domain.models.events import (
    ContextShrunk,
    EstimateExceeded,
    ModelFound,
    ModelLost,
    ResidencyChanged,
)
from bursar.domain.models.machine import ModelState
from bursar.testing.provider.ollama import Switches
from bursar.testing.provider.world import GIB

from .stand import CHAT, HELLO, PATIENT, Stand, names, running

KINDS = pytest.mark.parametrize("kind", ["ollama", "lmstudio", "llamacpp"])


def _of(history: list[Event], kind: type) -> list[Event]:
    return [event for event in history if isinstance(event.body, kind)]


@KINDS
def test_a_slow_load_keeps_nobody_else_waiting(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model("small"))
        stand.world.may_load.clear()
        slow = asyncio.create_task(stand.chat("large"))
        await stand.until(lambda: stand.world.loading == 1)
        assert (await stand.chat("small")).text
        assert not slow.done()
        stand.world.may_load.set()
        assert (await slow).text
        await stand.at_rest()
        assert stand.world.loads == 2

    running(tmp_path, test, kind)


@KINDS
def test_a_load_that_succeeds_after_our_timeout_is_neither_lost_nor_loaded_twice(
    tmp_path: Path, kind: str
) -> None:
    async def test(stand: Stand) -> None:
        stand.world.may_load.clear()
        error = await stand.failure(stand.manager.load_model(stand.model()))
        assert error.code in {"PROVIDER_TIMEOUT", "MODEL_LOAD_FAILED"}
        stand.world.may_load.set()
        assert (await stand.chat(deadline_s=20)).text
        await stand.at_rest()
        assert set(stand.held()) == {"small"}

    running(tmp_path, test, kind, timeouts=replace(PATIENT, load_s=0.3))


def test_memory_larger_than_the_estimate_is_counted_as_it_is(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        stand.world.faults.takes_per_mille = 1500
        await stand.manager.load_model(stand.model())
        await stand.at_rest()
        assert stand.believed() == stand.held()

    history = running(tmp_path, test)
    (exceeded,) = _of(history, EstimateExceeded)
    assert isinstance(exceeded.body, EstimateExceeded)
    assert sum(exceeded.body.measured.values()) > sum(exceeded.body.expected.values())


@KINDS
def test_a_model_that_somebody_else_unloads_is_struck_from_the_books(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        lost = stand.recorded("ModelLost")
        await _unload_by_hand(stand)
        await lost.wait()
        assert "somebody else" in str(stand.manager.why(stand.model()))
        assert (await stand.chat()).text
        await stand.at_rest()

    history = running(tmp_path, test, kind)
    (lost,) = _of(history, ModelLost)
    assert isinstance(lost.body, ModelLost) and lost.body.origin == "external"


async def _unload_by_hand(stand: Stand) -> None:
    client = HttpClient(stand.server.url)
    asks = {
        "ollama": ("/api/generate", {"model": "small", "keep_alive": 0}),
        "lmstudio": ("/api/v1/models/unload", {"instance_id": "small"}),
        "llamacpp": ("/models/unload", {"model": "small"}),
    }
    path, body = asks[stand.kind]
    assert (await client.request("POST", path, json=body)).status == 200
    await client.close()


def test_a_model_that_somebody_else_loads_is_counted_and_left_alone(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        client = HttpClient(stand.server.url)
        await client.request("POST", "/api/generate", json={"model": "large", "keep_alive": -1})
        await client.close()
        await stand.until(lambda: bool(stand.believed()))
        await stand.at_rest()
        assert stand.believed() == stand.held()

    history = running(tmp_path, test)
    (found,) = _of(history, ModelFound)
    assert isinstance(found.body, ModelFound) and found.body.origin == "external"
    # Closing the manager unloads what it loaded, and nothing else.
    assert "ModelUnloadStarted" not in names(history, "model/ollama:large")


def test_an_ollama_that_runs_out_of_memory_and_forgets_every_model(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        for name in ("small", "large"):
            await stand.manager.load_model(stand.model(name))
        stand.switches.oom_after = 2
        error = await stand.failure(stand.chat("small", max_tokens=50))
        assert error.code in {"OUT_OF_MEMORY", "MODEL_LOST"}
        await stand.until(lambda: not stand.believed())
        assert stand.held() == {}
        stand.switches.oom_after = None
        assert (await stand.chat("small")).text
        await stand.at_rest()

    history = running(tmp_path, test)
    assert {event.body.model for event in _of(history, ModelLost) if isinstance(event.body, ModelLost)} == {
        "ollama:small",
        "ollama:large",
    }


def test_a_window_granted_smaller_than_asked_is_noticed(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        stand.world.faults.grants_context = 1024
        await stand.manager.load_model(stand.model())
        await stand.at_rest()

    history = running(tmp_path, test)
    (shrunk,) = _of(history, ContextShrunk)
    assert isinstance(shrunk.body, ContextShrunk) and shrunk.body.granted == 1024


def test_a_window_that_somebody_else_shrinks_is_noticed(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        (instance,) = stand.world.instances.values()
        instance.context, instance.memory = 512, instance.memory - GIB // 4
        await stand.until(lambda: stand.believed() == stand.held())
        await stand.at_rest()

    history = running(tmp_path, test)
    assert [
        event.body.origin
        for event in _of(history, ResidencyChanged)
        if isinstance(event.body, ResidencyChanged)
    ] == ["external"]


def test_whoever_is_cancelled_mid_load_leaves_no_lease_behind(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        stand.world.may_load.clear()
        asking = asyncio.create_task(stand.chat())
        await stand.until(lambda: stand.world.loading == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        stand.world.may_load.set()
        await stand.at_rest()
        assert stand.manager.state.totals.cancelled == 1

    running(tmp_path, test)


def test_an_answer_that_falls_silent_is_one_error(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        stand.world.faults.hang.add(CHAT["ollama"])
        error = await stand.failure(stand.chat())
        assert error.code == "PROVIDER_TIMEOUT"
        stand.world.faults.hang.clear()
        await stand.at_rest()
        assert set(stand.believed()) == {"small"}

    running(tmp_path, test, timeouts=replace(PATIENT, idle_s=0.2))


def test_a_truncated_prompt_is_an_error_and_not_an_answer(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        error = await stand.failure(
            stand.manager.chat(stand.model(), [{**HELLO[0], "content": "word " * 40_000}], max_tokens=4)
        )
        assert error.code in {"CONTEXT_TOO_LARGE", "PROMPT_TRUNCATED"}
        await stand.at_rest()

    running(tmp_path, test, switches=Switches(version="0.12.11"))


def test_an_unload_that_is_ignored_is_told(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        stand.world.faults.unload_ignored = True
        error = await stand.failure(stand.manager.unload_model(stand.model()))
        assert error.code == "MODEL_UNLOAD_FAILED"
        assert stand.manager.state.models[stand.model()].state is ModelState.READY
        stand.world.faults.unload_ignored = False
        await stand.at_rest()

    running(tmp_path, test, timeouts=replace(PATIENT, unload_s=0.2))
