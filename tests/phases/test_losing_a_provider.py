"""The provider goes away in each phase: nothing leaks, the books are right, one error and `why` tell it."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from bursar.domain.errors import ModelUnloadFailed
from bursar.domain.models.machine import ModelState

from .stand import CHAT, HELLO, Stand, names, running

KINDS = pytest.mark.parametrize("kind", ["ollama", "lmstudio", "llamacpp"])
#: Which of them a caller hears depends on who notices first: the stream, or the look at the provider.
GONE = {"PROVIDER_UNAVAILABLE", "MODEL_LOST"}


async def _comes_back(stand: Stand) -> None:
    """The provider is started again, with nothing in memory, and serves as if nothing had been."""
    stand.world.faults.hang.clear()
    stand.world.may_answer.set()
    stand.world.may_load.set()
    stand.world.forget_all()
    await stand.server.start()
    answer = await stand.chat(deadline_s=20)
    assert answer.text
    await stand.at_rest()


@KINDS
def test_lost_before_the_headers_of_an_answer(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        stand.world.faults.hang.add(CHAT[kind])
        granted, lost = stand.recorded("LeaseGranted"), stand.recorded("ModelLost")
        asking = asyncio.create_task(stand.chat())
        await granted.wait()
        await stand.server.stop()
        assert (await stand.failure(asking)).code in GONE
        await lost.wait()
        told = str(stand.manager.why(stand.model()))
        assert "nobody listens" in told
        await _comes_back(stand)

    running(tmp_path, test, kind)


@KINDS
def test_lost_in_the_middle_of_a_load(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        stand.world.may_load.clear()
        failed = stand.recorded("ModelLoadFailed")
        loading = asyncio.create_task(stand.manager.load_model(stand.model()))
        await stand.until(lambda: stand.world.loading == 1)
        await stand.server.stop()
        error = await stand.failure(loading)
        assert error.code in {"PROVIDER_UNAVAILABLE", "MODEL_LOAD_FAILED"}
        assert stand.believed() == {}
        await failed.wait()
        assert str(error.values["cause"]) in str(stand.manager.why(stand.model()))
        await _comes_back(stand)

    running(tmp_path, test, kind)


@KINDS
def test_lost_in_the_middle_of_an_answer(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        stream = await stand.manager.chat(stand.model(), HELLO, stream=True, max_tokens=1000)
        assert (await anext(stream)).text
        stand.world.may_answer.clear()
        await stand.server.stop()

        async def rest() -> None:
            async for _chunk in stream:
                pass

        assert (await stand.failure(rest())).code in GONE
        await stand.until(lambda: not stand.believed())
        await _comes_back(stand)

    running(tmp_path, test, kind)


@KINDS
def test_lost_while_a_model_drains(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        stream = await stand.manager.chat(stand.model(), HELLO, stream=True, max_tokens=1000)
        assert (await anext(stream)).text
        stand.world.may_answer.clear()
        unloading = asyncio.create_task(stand.manager.unload_model(stand.model()))
        await stand.until(lambda: stand.manager.state.models[stand.model()].state is ModelState.DRAINING)
        await stand.server.stop()

        async def rest() -> None:
            async for _chunk in stream:
                pass

        assert (await stand.failure(rest())).code in GONE
        # It is out of memory, or the provider could not be told: whichever is found out first.
        with suppress(ModelUnloadFailed):
            await unloading
        await stand.until(lambda: not stand.believed())
        await _comes_back(stand)

    running(tmp_path, test, kind)


@KINDS
def test_somebody_who_waits_for_a_lost_provider_hears_of_it(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        await stand.server.stop()
        error = await stand.failure(stand.chat())
        assert error.code == "PROVIDER_UNAVAILABLE"
        assert "nobody listens" in str(error)
        assert not stand.manager.state.requests
        await _comes_back(stand)

    running(tmp_path, test, kind)


@KINDS
def test_closing_does_not_wait_for_a_provider_that_is_gone(tmp_path: Path, kind: str) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        await stand.server.stop()

    history = running(tmp_path, test, kind, reconcile={"interval": "1h"})
    assert names(history, f"model/{kind}:small")[-2:] == ["ModelLost", "ModelWrittenOff"]
    assert history[-1].body.name == "ManagerStopped"
