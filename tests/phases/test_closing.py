"""Beginning and closing while providers do not answer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import bursar
from bursar.domain.errors import DeadlineExceeded, ManagerClosed, ModelLoadFailed
from bursar.domain.events import Event
from bursar.domain.models.machine import ModelState
from bursar.testing.provider.faults import Refusal

from .hurrying import Hurried, run_hurried
from .kinds import KINDS
from .plants import Plant, Watched, managed, plant
from .stand import HELLO, PATIENT

LISTS = {"ollama": "/api/ps", "lmstudio": "/api/v1/models", "router": "/models"}
LOADS = ("/api/generate", "/api/v1/models/load", "/models/load")
EACH = pytest.mark.parametrize("kind", list(LISTS))
SETTINGS = bursar.Settings(limits={"memory": "16 GiB", "load_cooldown": 0}, retry={"max_attempts": 1})
#: Of the run's own seconds: grace for leases, time for unloads, and a little.
CLOSE_S = 5 + 30 + 5

_Test = Callable[[Hurried, Path, list[Plant]], Awaitable[None]]


def _with(folder: Path, kinds: str, test: _Test) -> None:
    async def run(loop: Hurried) -> None:
        told: list[str] = []
        async with asyncio.timeout(3600), AsyncExitStack() as stack:
            plants = [await plant(KINDS[kind], told, stack, PATIENT) for kind in kinds.split("+")]
            await test(loop, folder, plants)
        assert told == []

    assert run_hurried(run, real_s=20).complaints == []


@EACH
def test_a_provider_that_hangs_is_busy_and_keeps_nobody_from_beginning(tmp_path: Path, kind: str) -> None:
    async def test(loop: Hurried, folder: Path, plants: list[Plant]) -> None:
        hangs, well = plants
        hangs.world.faults.hang.add(LISTS[kind])
        begun = loop.time()
        async with managed(folder, loop, plants, SETTINGS) as manager:
            assert loop.time() - begun < 35
            assert manager.state.providers[well.kind.prefix].reachable
            answer = await manager.chat(f"{well.kind.prefix}:small", HELLO, max_tokens=2)
            assert answer.text
            hangs.world.faults.hang.clear()
            assert (await manager.chat(f"{hangs.kind.prefix}:small", HELLO, max_tokens=2)).text

    _with(tmp_path, f"{kind}+openai", test)


@EACH
def test_beginning_can_be_given_up_while_a_provider_hangs(tmp_path: Path, kind: str) -> None:
    async def test(loop: Hurried, folder: Path, plants: list[Plant]) -> None:
        (hangs,) = plants
        hangs.world.faults.hang.add(LISTS[kind])

        async def begin() -> None:
            async with managed(folder, loop, plants, SETTINGS):
                raise AssertionError("it has not begun")

        before = asyncio.all_tasks()
        beginning = asyncio.create_task(begin())
        await asyncio.sleep(1)
        begun = loop.time()
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
        assert loop.time() - begun < 5
        assert [task for task in asyncio.all_tasks() - before if "bursar" in task.get_name()] == []
        hangs.world.faults.hang.clear()
        hangs.watched = Watched(hangs.kind.adapter(hangs.server.url, PATIENT), hangs.kind.prefix, [])
        async with managed(folder, loop, plants, SETTINGS) as manager:
            assert (await manager.chat(f"{hangs.kind.prefix}:small", HELLO, max_tokens=2)).text

    _with(tmp_path, kind, test)


@EACH
def test_closing_is_bounded_while_the_provider_hangs(tmp_path: Path, kind: str) -> None:
    async def test(loop: Hurried, folder: Path, plants: list[Plant]) -> None:
        (hangs,) = plants
        async with managed(folder, loop, plants, SETTINGS) as manager:
            await manager.load_model(f"{hangs.kind.prefix}:small")
            hangs.world.faults.hang |= {path for _, path, _ in hangs.world.requests} | {hangs.kind.chat}
            hangs.world.faults.hang |= {"/api/generate", "/api/v1/models/unload", "/models/unload"}
            asking = asyncio.create_task(manager.chat(f"{hangs.kind.prefix}:small", HELLO))
            await asyncio.sleep(0.1)
            begun = loop.time()
            await manager.close()
            assert loop.time() - begun < CLOSE_S
            with pytest.raises(bursar.BursarError):
                await asking

    _with(tmp_path, kind, test)


@EACH
def test_whoever_waits_for_an_unload_hears_that_the_load_came_to_nothing(tmp_path: Path, kind: str) -> None:
    async def test(loop: Hurried, folder: Path, plants: list[Plant]) -> None:
        (each,) = plants
        model = f"{each.kind.prefix}:small"
        async with managed(folder, loop, plants, SETTINGS) as manager:
            each.world.may_load.clear()
            loading = asyncio.create_task(manager.load_model(model))
            while not each.world.loading:
                await each.world.changes()
            unloading = asyncio.create_task(manager.unload_model(model))
            await asyncio.sleep(0)
            each.world.faults.load_error = "the file is broken"
            each.world.may_load.set()
            with pytest.raises(ModelLoadFailed):
                await loading
            await unloading
            assert manager.state.models[model].state not in (ModelState.READY, ModelState.LOADING)

    _with(tmp_path, kind, test)


@EACH
def test_a_provider_that_is_busy_and_says_at_once_is_not_asked_all_the_time(
    tmp_path: Path, kind: str
) -> None:
    async def test(loop: Hurried, folder: Path, plants: list[Plant]) -> None:
        (each,) = plants
        busy = Refusal(503, '{"error":"busy"}', {"Retry-After": "0"})
        each.world.faults.refusals |= dict.fromkeys(LOADS, busy)
        loads: list[Event] = []
        async with managed(folder, loop, plants, SETTINGS) as manager:
            manager.on("ModelLoadStarted", loads.append)
            with pytest.raises(DeadlineExceeded):
                await manager.load_model(f"{each.kind.prefix}:small", deadline_s=10)
        assert 2 <= len(loads) <= 5

    _with(tmp_path, kind, test)


def test_whoever_waits_for_an_unload_hears_that_the_manager_has_closed(tmp_path: Path) -> None:
    async def test(loop: Hurried, folder: Path, plants: list[Plant]) -> None:
        (each,) = plants
        model = f"{each.kind.prefix}:small"
        async with managed(folder, loop, plants, SETTINGS) as manager:
            await manager.load_model(model)
            each.world.faults.hang |= {"/api/generate", "/api/ps"}
            waiting = asyncio.gather(
                manager.unload_model(model), manager.free_resources(), return_exceptions=True
            )
            await asyncio.sleep(0)
            await manager.close()
            for outcome in await waiting:
                assert isinstance(outcome, ManagerClosed | bursar.ModelUnloadFailed | bursar.ResourcesFreed)

    _with(tmp_path, "ollama", test)
