"""Vectors of texts from a managed model: on a lease, in the queue and in the books like everything else."""

import asyncio
from pathlib import Path

import pytest

import bursar
from bursar.domain.requests.events import RequestArrived, RequestFinished
from bursar.domain.resilience.events import RequestRedirected, RetryGranted
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.world import GIB, Installed, vector

from ..phases.stand import Stand, names, running

VECTORS = "ollama:vectors"
#: Long enough that only what the call itself causes is seen.
SELDOM = {"interval": "60s"}


def install(stand: Stand) -> None:
    """Have a model that makes vectors."""
    stand.world.models["vectors"] = Installed("vectors", size=GIB, kind="embedding")


def test_a_model_is_loaded_for_it_and_may_be_evicted_again(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        install(stand)
        found = await stand.manager.embed(VECTORS, ["a", "b"], agent="ann", priority=3)
        assert found == (tuple(vector("a")), tuple(vector("b")))
        await stand.chat()
        assert stand.held().keys() == {"small"}
        await stand.at_rest()

    history = running(tmp_path, test, limits={"max_models_loaded": 1})
    first, second = [event for event in history if isinstance(event.body, RequestArrived)]
    assert isinstance(first.body, RequestArrived)
    assert (first.body.purpose, first.body.agent, first.body.priority) == ("embed", "ann", 3)
    assert names(history, f"request/{first.position}")[-1] == "RequestFinished"
    assert first.position < second.position
    assert not any(str(vector("a")[0])[:6] in str(event.body) for event in history)


def test_it_waits_in_the_queue_until_its_deadline(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        install(stand)
        async with stand.manager.lease(stand.model()):
            embedding = stand.manager.embed(VECTORS, ["a"], deadline_s=0.05)
            assert (await stand.failure(embedding)).code == "DEADLINE_EXCEEDED"
        await stand.at_rest()

    running(tmp_path, test, limits={"max_models_loaded": 1})


def test_no_other_model_makes_them_instead(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        install(stand)
        await stand.manager.load_model(VECTORS)
        await stand.manager.load_model(stand.model("large"))
        stand.world.faults.refusals["/api/embed"] = Refusal(500, '{"error": "out of luck"}')
        assert (await stand.failure(stand.manager.embed(VECTORS, ["a"]))).code == "PROVIDER_UNAVAILABLE"
        await stand.at_rest()

    history = running(tmp_path, test, fallbacks={VECTORS: "ollama:large"})
    assert not [event for event in history if isinstance(event.body, RequestRedirected)]


def test_what_a_busy_provider_refuses_is_asked_again(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        install(stand)
        await stand.manager.embed(VECTORS, ["a"])
        stand.world.faults.refusals["/api/embed"] = Refusal(503, '{"error": "server busy"}', times=1)
        assert await stand.manager.embed(VECTORS, ["a"]) == (tuple(vector("a")),)
        await stand.at_rest()

    history = running(tmp_path, test, retry={"max_attempts": 2, "wait": "1ms"}, reconcile=SELDOM)
    assert len([event for event in history if isinstance(event.body, RetryGranted)]) == 1


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_model_that_is_gone_is_asked_for_anew_unless_once_is_enough(tmp_path: Path, attempts: int) -> None:
    async def test(stand: Stand) -> None:
        stand.world.models["vectors"] = Installed("vectors", kind="embedding")
        model = stand.model("vectors")
        assert len(await stand.manager.embed(model, ["a"])) == 1
        for name in tuple(stand.world.instances):
            await stand.world.unload(name)
        if attempts == 1:
            assert (await stand.failure(stand.manager.embed(model, ["a"]))).code == "MODEL_LOST"
        else:
            assert len(await stand.manager.embed(model, ["a"])) == 1
        await stand.at_rest()

    history = running(tmp_path, test, "llamacpp", retry={"max_attempts": attempts}, reconcile=SELDOM)
    asked = [event for event in history if isinstance(event.body, RequestArrived)]
    assert len(asked) == attempts + 1
    if attempts == 2:
        assert asked[2].correlation == asked[1].position


def test_a_lease_that_is_held_too_long_is_taken_back(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        install(stand)
        await stand.manager.load_model(VECTORS)
        stand.world.faults.hang.add("/api/embed")
        assert (await stand.failure(stand.manager.embed(VECTORS, ["a"]))).code == "LEASE_EXPIRED"

    running(tmp_path, test, limits={"lease_max": "100ms"})


def test_who_goes_away_gives_the_model_back(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        install(stand)
        await stand.manager.load_model(VECTORS)
        stand.world.faults.hang.add("/api/embed")
        granted = stand.recorded("LeaseGranted")
        embedding = asyncio.ensure_future(stand.manager.embed(VECTORS, ["a"]))
        await granted.wait()
        embedding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await embedding
        assert not stand.manager.state.requests

    history = running(tmp_path, test)
    finished = [event.body for event in history if isinstance(event.body, RequestFinished)]
    assert [body.outcome for body in finished] == ["completed"]


def test_a_script_without_await_has_them(tmp_path: Path) -> None:
    settings = bursar.Settings(providers={"discover": False, "llama": {"folder": str(tmp_path)}})
    with (
        bursar.open_sync(tmp_path / "journal.db", settings) as manager,
        pytest.raises(bursar.InvalidModelId),
    ):
        manager.embed("llama:nobody", ["a"], agent="ann")
