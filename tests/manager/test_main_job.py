"""The main job on the real engine: load, lease, drain, evict, reload, explain."""

import asyncio
from pathlib import Path

import pytest

import bursar
from bursar.domain.models.machine import ModelState
from bursar.eventstore.reader import Reader
from bursar.projections.replay import replay
from bursar.projections.verify import verify

from .support import HELLO, ROOM_FOR_ONE, history, make_models, names, opened, run


def _states(manager: bursar.ResourceManager) -> dict[str, ModelState]:
    return {name: model.state for name, model in manager.state.models.items()}


def test_an_answer_has_text_and_counts(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            answer = await manager.chat("llama:a", HELLO, max_tokens=8, temperature=0)
            assert answer.model == "llama:a"
            assert answer.completion_tokens == 8
            assert answer.prompt_tokens is not None and answer.prompt_tokens > 8
            assert answer.finish_reason == "length"

    run(work)


def test_a_stream_gives_the_answer_piece_by_piece(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            stream = await manager.chat("a", HELLO, stream=True, max_tokens=8, temperature=0)
            chunks = [chunk async for chunk in stream]
            assert chunks[-1].done
            assert chunks[-1].completion_tokens == 8
            assert manager.state.totals.completed == 1

    run(work)


def test_more_models_than_fit_are_swapped_explained_and_replayed(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")

    async def work() -> None:
        async with opened(tmp_path, limits={"memory": ROOM_FOR_ONE}) as manager:
            for model in ("a", "b", "a"):
                await manager.chat(f"llama:{model}", HELLO, max_tokens=4, temperature=0)
            assert manager.state.totals.loads == 3
            assert manager.state.totals.evictions == 2
            assert [row.evictions for row in manager.models()] == [1, 1]

            told = manager.why("llama:b")
            assert told.rule == "eviction.hybrid"
            assert "llama:b" in str(told)

    run(work)
    with Reader(tmp_path / "journal.db") as reader:
        assert replay(reader).equal
    assert verify(tmp_path / "journal.db").ok
    assert names(history(tmp_path), "model/llama:b") == [
        "ModelLoadStarted",
        "ModelLoaded",
        "ModelDrainStarted",
        "ModelUnloadStarted",
        "ModelUnloaded",
    ]


def test_a_leased_model_is_not_unloaded_before_the_lease_ends(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")

    async def work() -> None:
        async with opened(tmp_path, limits={"memory": ROOM_FOR_ONE}) as manager:
            async with manager.lease("llama:a", agent="holder"):
                waiting = asyncio.create_task(manager.load_model("llama:b"))
                queued = asyncio.Event()
                manager.on("requestQueued", lambda _event: queued.set())
                await queued.wait()
                assert _states(manager) == {"llama:a": ModelState.READY, "llama:b": ModelState.ABSENT}
            await waiting
            assert _states(manager) == {"llama:a": ModelState.ABSENT, "llama:b": ModelState.READY}

    run(work)


def test_whoever_stops_waiting_leaves_no_trace_in_the_queue(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")

    async def work() -> None:
        async with opened(tmp_path, limits={"memory": ROOM_FOR_ONE}) as manager:
            async with manager.lease("llama:a"):
                queued = asyncio.Event()
                manager.on("requestQueued", lambda _event: queued.set())
                waiting = asyncio.create_task(manager.load_model("llama:b"))
                await queued.wait()
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                assert len(manager.state.requests) == 1
            assert manager.state.models["llama:a"].state is ModelState.READY

    run(work)


def test_a_deadline_that_passes_is_an_error_and_an_event(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")

    async def work() -> None:
        async with (
            opened(tmp_path, limits={"memory": ROOM_FOR_ONE}) as manager,
            manager.lease("llama:a"),
        ):
            with pytest.raises(bursar.DeadlineExceeded):
                await manager.load_model("llama:b", deadline_s=0.05)

    run(work)
    assert any(event.body.name == "RequestExpired" for event in history(tmp_path))


def test_a_model_that_can_never_fit_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path, limits={"memory": "1 MB"}) as manager:
            with pytest.raises(bursar.ResourceLimitExceeded) as refused:
                await manager.load_model("llama:a")
            assert refused.value.values["ceiling"] == "1000000"
            assert manager.state.totals.loads == 0

    run(work)


def test_when_all_that_is_in_the_way_is_pinned_the_error_says_so(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")

    async def work() -> None:
        async with opened(tmp_path, limits={"memory": ROOM_FOR_ONE}) as manager:
            await manager.load_model("llama:a")
            await manager.pin("llama:a")
            with pytest.raises(bursar.AllModelsPinned, match="llama:a"):
                await manager.load_model("llama:b")
            await manager.unpin("llama:a")
            await manager.load_model("llama:b")

    run(work)


@pytest.mark.parametrize(
    "model",
    [
        "llama:nobody",
        "llama:",
        "",
        "llama:../../etc/passwd",
        "llama:a/../a",
    ],
)
def test_an_unknown_model_is_an_invalid_model_id(model: str, tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            with pytest.raises(bursar.InvalidModelId) as refused:
                await manager.load_model(model)
            assert refused.value.code == "INVALID_MODEL_ID"

    run(work)


def test_a_file_that_is_no_model_fails_to_load_with_the_reason(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")
    (tmp_path / "models" / "fake.gguf").write_bytes(b"not a model at all" * 100)

    async def work() -> None:
        async with opened(tmp_path) as manager:
            with pytest.raises(bursar.ModelLoadFailed) as failed:
                await manager.load_model("llama:fake")
            assert failed.value.code == "MODEL_LOAD_FAILED"
            assert "llama:fake" in str(failed.value)
            assert not manager.state.resident()

    run(work)


def test_unloading_drains_and_frees(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:a")
            await manager.load_model("llama:b")
            await manager.unload_model("llama:a")
            assert manager.state.models["llama:a"].state is ModelState.ABSENT
            await manager.unload_model("llama:a")
            freed = await manager.free_resources()
            assert freed.models == ("llama:b",)
            assert freed.freed["ram"] > 0

    run(work)


def test_settings_change_while_it_runs_and_are_recorded(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:a")
            await manager.load_model("llama:b")
            await manager.configure(limits={"max_models_loaded": 1})
            while len(manager.state.resident()) > 1:
                await anext(manager.events(after=manager.state.position))
            with pytest.raises(bursar.SettingsInvalid, match=r"limits\.max_models_loaded"):
                await manager.configure(limits={"max_models_loaded": -1})

    run(work)


def test_events_are_the_recorded_ones_and_then_the_live_ones(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            seen: list[int] = []

            async def follow() -> None:
                async for event in manager.events():
                    seen.append(event.position)
                    if event.body.name == "RequestFinished":
                        return

            following = asyncio.create_task(follow())
            await manager.load_model("llama:a")
            await following
            assert seen == list(range(1, seen[-1] + 1))

    run(work)


def test_a_callback_hears_its_type_until_it_is_cancelled(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            heard: list[str] = []
            subscription = manager.on(bursar.ModelLoaded, lambda event: heard.append(event.body.name))
            manager.on("modelUnloaded", lambda event: heard.append(event.body.name))
            await manager.load_model("llama:a")
            await manager.unload_model("llama:a")
            subscription.cancel()
            await manager.load_model("llama:a")
            assert heard == ["ModelLoaded", "ModelUnloaded"]
            with pytest.raises(bursar.BursarError, match="modelLaoded"):
                manager.on("modelLaoded", print)

    run(work)


def test_metrics_show_the_machine_and_the_models(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:a")
            metrics = manager.resource_metrics()
            assert metrics.memory is not None and metrics.memory.models_bytes > 0
            assert [model.model for model in metrics.models.loaded] == ["llama:a"]
            assert metrics.system.completed == 1

    run(work)


def test_a_closed_manager_serves_nobody(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:a")
            await manager.close()
            assert not manager.state.resident()
            with pytest.raises(bursar.ManagerClosed):
                await manager.load_model("llama:a")

    run(work)


def test_the_next_manager_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:a")
            last = manager.state
        async with opened(tmp_path) as manager:
            assert manager.state.totals.loads == 1
            assert manager.state.position > last.position
            assert manager.state.models["llama:a"].load_ms is not None

    run(work)
