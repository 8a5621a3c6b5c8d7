"""Chaos over real HTTP: faults come and go under many clients, and when they end everything comes to rest."""

import asyncio
import gc
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError, ResourceLimitExceeded
from bursar.eventstore.reader import Reader
from bursar.projections.replay import replay
from bursar.projections.verify import verify

from .chaos import Chaos, Tally, settings_of
from .hurrying import Hurried, run_hurried
from .kinds import KINDS
from .plants import Plant, managed, plant

#: Worlds: providers beside each other in one manager.
WORLDS = (*KINDS, "ollama+lmstudio", "router+vllm", "openai+ollama", "lmstudio-v0+single")
SEEDS = range(int(os.environ.get("BURSAR_CHAOS_FROM", "0")), int(os.environ.get("BURSAR_CHAOS_SEEDS", "1")))
#: Seconds of the run's own time: everything has come to rest by then, once faults have ended.
REST_S, RUN_S = 900, 7200
#: Grace for leases, time for unloads, and a little.
CLOSE_S = 5 + 30 + 5
#: Events for everything that is asked or switched.
EVENTS_EACH, EVENTS_ANYWAY = 20, 60
#: Less than the defaults, which also hold in the run's own time.
TIMEOUTS = ProviderTimeouts(status_s=10, load_s=60, unload_s=10, idle_s=30)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("world", WORLDS)
def test_it_comes_to_rest_once_faults_end(tmp_path: Path, world: str, seed: int) -> None:
    _try(tmp_path, world, seed, _to_the_end)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("world", ["ollama+lmstudio", "router+vllm"])
def test_it_closes_in_the_middle_of_everything(tmp_path: Path, world: str, seed: int) -> None:
    _try(tmp_path, world, seed, _in_the_middle)


_Course = Callable[[Chaos, random.Random, list[str]], Awaitable[None]]


def _try(folder: Path, world: str, seed: int, course: _Course) -> None:
    tally = Tally()
    #: How far it came.
    where = ["setting up"]

    async def bounded(loop: Hurried) -> None:
        async with asyncio.timeout(RUN_S):
            await _run(folder, world, seed, loop, course, tally, where)

    try:
        loop = run_hurried(bounded, real_s=30)
        gc.collect()
        assert loop.complaints == []
        _check_journal(folder, tally)
    except BaseException as error:
        error.add_note(f"world {world}, seed {seed}, while {where[-1]}")
        error.add_note("\n".join(tally.story[-25:]))
        error.add_note(f"{dict(tally.outcomes)} {tally.events.most_common(12)}")
        raise


async def _run(
    folder: Path, world: str, seed: int, loop: Hurried, course: _Course, tally: Tally, where: list[str]
) -> None:
    rng = random.Random(f"{world}/{seed}")
    async with AsyncExitStack() as stack:
        plants = [await plant(KINDS[name], tally.wrong, stack, TIMEOUTS) for name in world.split("+")]
        before = asyncio.all_tasks()
        settings = settings_of(rng, [each.kind.prefix for each in plants])
        async with managed(folder, loop, plants, settings) as manager:
            chaos = Chaos(manager, plants, rng.randrange(1 << 30), tally)
            where.append("chaos")
            try:
                await course(chaos, rng, where)
            except BaseException as error:
                error.add_note(f"{chaos.resting()}\n{manager.state.breakers}")
                raise
            await _close(chaos, where)
        await _nothing_left(plants, before)
    assert tally.wrong == []
    assert set(tally.ended.values()) <= {1}


async def _close(chaos: Chaos, where: list[str]) -> None:
    where.append("closing")
    async with asyncio.timeout(CLOSE_S):
        await chaos.manager.close()
    assert not chaos.manager.state.requests


async def _to_the_end(chaos: Chaos, rng: random.Random, where: list[str]) -> None:
    clients, faults = _begin(chaos, rng)
    await asyncio.gather(*faults)
    await chaos.calm()
    where.append("clients after faults")
    async with asyncio.timeout(REST_S):
        await asyncio.gather(*clients)
    await _rest(chaos, where)


async def _in_the_middle(chaos: Chaos, rng: random.Random, where: list[str]) -> None:
    clients, faults = _begin(chaos, rng)
    await asyncio.sleep(rng.choice((0, 0.01, 0.5, 5)))
    await _close(chaos, where)
    where.append("clients after closing")
    async with asyncio.timeout(REST_S):
        await asyncio.gather(*clients, *faults)
    await chaos.calm()


def _begin(chaos: Chaos, rng: random.Random) -> tuple[list[asyncio.Task[None]], list[asyncio.Task[None]]]:
    clients = [asyncio.create_task(chaos.client(n, rng.choice((4, 8)))) for n in range(rng.choice((2, 5)))]
    faults = [asyncio.create_task(chaos.disturb(n, rng.choice((2, 5)))) for n in range(rng.choice((1, 2)))]
    return clients, faults


async def _rest(chaos: Chaos, where: list[str]) -> None:
    where.append("coming to rest")
    async with asyncio.timeout(REST_S):
        while chaos.resting():
            await asyncio.sleep(0.5)
    for each in chaos.plants:
        assert [told for told in each.world.violations if not _excused(each, told)] == []
        where.append(f"asking {each.kind.prefix}")
        async with asyncio.timeout(REST_S):
            await _serves(chaos, each)
    where.append("coming to rest again")
    async with asyncio.timeout(REST_S):
        while chaos.resting():
            await asyncio.sleep(0.5)
    assert set(chaos.tally.ended.values()) <= {1}


def _excused(each: Plant, told: str) -> bool:
    """What is not our doing: where we do not load; what left between a look and a request; a hung-up call.

    A router is not told of a caller who hung up before it is told to unload.
    """
    late = "just in time" in told
    cut = each.kind is KINDS["router"] and "was unloaded while it answered" in told
    return not each.kind.loads or late or cut


async def _serves(chaos: Chaos, each: Plant) -> None:
    """Sooner or later everybody is answered again."""
    manager, model = chaos.manager, f"{each.kind.prefix}:small"
    for name in [name for name, pinned in manager.state.host.pins.items() if pinned]:
        await manager.unpin(name)
    while True:
        try:
            await manager.chat(model, [{"role": "user", "content": "Hi"}], max_tokens=2)
            return
        except ResourceLimitExceeded:
            # It was seen to take more than there is, when something else took memory in the same moment.
            return
        except BursarError as error:
            chaos.tally.outcomes[f"after: {error}"] += 1
            await asyncio.sleep(5)


async def _nothing_left(plants: list[Plant], before: set[asyncio.Task[object]]) -> None:
    ours = {*before, asyncio.current_task()}
    # A server's own, which go on for as long as it does: its connections', and what it does for a request.
    servers = ("uvicorn", "testing/provider", "starlette")
    left = [task for task in asyncio.all_tasks() - ours if not any(part in repr(task) for part in servers)]
    assert left == []
    async with asyncio.timeout(60):
        # The server has no other way of saying that a connection has ended.
        while any(each.server.connections for each in plants):
            await asyncio.sleep(0.01)


def _check_journal(folder: Path, tally: Tally) -> None:
    with closing(Reader(folder / "journal.db")) as reader:
        assert replay(reader).equal
        head = reader.head()
    assert verify(folder / "journal.db").ok
    assert head <= EVENTS_EACH * (tally.actions + tally.toggles) + EVENTS_ANYWAY
