"""Chaos over real HTTP: faults come and go under many clients, and when they end everything comes to rest."""

import asyncio
import gc
import os
import random
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

import bursar
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.opening import serve
from bursar.projections.replay import replay
from bursar.projections.verify import verify

from .chaos import KINDS, Chaos, Machine, Plant, Tally, plant, settings_of
from .hurrying import Hurried, run_hurried

#: Worlds: providers beside each other in one manager.
WORLDS = (*KINDS, "ollama+lmstudio", "router+vllm", "openai+ollama", "lmstudio-v0+single")
SEEDS = range(int(os.environ.get("BURSAR_CHAOS_FROM", "0")), int(os.environ.get("BURSAR_CHAOS_SEEDS", "2")))
#: Seconds of the run's own time: everything has come to rest by then, once faults have ended.
REST_S, RUN_S = 900, 7200
#: Grace for leases, time for unloads, and a little.
CLOSE_S = 5 + 30 + 5
#: Events for everything that is asked or switched.
EVENTS_EACH, EVENTS_ANYWAY = 40, 200
#: Less than the defaults, which also hold in the run's own time.
TIMEOUTS = ProviderTimeouts(status_s=10, load_s=60, unload_s=10, idle_s=30)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("world", WORLDS)
def test_it_comes_to_rest_once_faults_end(tmp_path: Path, world: str, seed: int) -> None:
    tally = Tally()
    where = ["setting up"]

    async def bounded(loop: Hurried) -> None:
        async with asyncio.timeout(RUN_S):
            await _run(tmp_path, world, seed, loop, tally, where)

    try:
        loop = run_hurried(bounded, real_s=30)
        gc.collect()
        assert loop.complaints == []
        _check_journal(tmp_path, tally)
    except BaseException as error:
        error.add_note(f"world {world}, seed {seed}, while {where[-1]}")
        error.add_note("\n".join(tally.story[-25:]))
        error.add_note(str(dict(tally.outcomes)) + str(tally.events.most_common(12)))
        raise


async def _run(
    folder: Path, world: str, seed: int, loop: Hurried, tally: Tally, where: list[str]
) -> None:
    rng = random.Random(f"{world}/{seed}")
    async with AsyncExitStack() as stack:
        plants = [await plant(KINDS[name], tally.wrong, stack, TIMEOUTS) for name in world.split("+")]
        before = asyncio.all_tasks()
        settings = settings_of(rng, [each.kind.prefix for each in plants])
        providers = {each.kind.prefix: each.watched for each in plants}
        sensor = Machine([each.world for each in plants])
        with Journal.open(folder / "journal.db") as store:
            async with serve(store, settings, providers, sensor=sensor, clock=loop) as manager:  # type: ignore[arg-type]  # it passes on what it does not watch
                chaos = Chaos(manager, plants, rng.randrange(1 << 30), tally)
                where.append("chaos")
                try:
                    await _chaos(chaos, rng, where)
                    await _rest(chaos, where)
                except BaseException as error:
                    error.add_note(f"{chaos.resting()}\n{manager.state.breakers}")
                    raise
                where.append("closing")
                begun = loop.time()
                async with asyncio.timeout(CLOSE_S):
                    await manager.close()
                where.append(f"closed after {loop.time() - begun} s")
        await _nothing_left(plants, before)


async def _chaos(chaos: Chaos, rng: random.Random, where: list[str]) -> None:
    clients = [asyncio.create_task(chaos.client(n, rng.choice((4, 8)))) for n in range(rng.choice((2, 5)))]
    faults = [asyncio.create_task(chaos.disturb(rng.choice((2, 5)))) for _ in range(rng.choice((1, 2)))]
    await asyncio.gather(*faults)
    await chaos.calm()
    where.append("clients after faults")
    async with asyncio.timeout(REST_S):
        await asyncio.gather(*clients)


async def _rest(chaos: Chaos, where: list[str]) -> None:
    where.append("coming to rest")
    async with asyncio.timeout(REST_S):
        while chaos.resting():
            await asyncio.sleep(0.5)
    assert chaos.tally.wrong == []
    for each in chaos.plants:
        assert each.world.violations == []
        where.append(f"asking {each.kind.prefix}")
        async with asyncio.timeout(REST_S):
            await _serves(chaos, each)
    where.append("coming to rest again")
    async with asyncio.timeout(REST_S):
        while chaos.resting():
            await asyncio.sleep(0.5)
    assert set(chaos.tally.ended.values()) <= {1}


async def _serves(chaos: Chaos, each: Plant) -> None:
    """Sooner or later everybody is answered again."""
    manager = chaos.manager
    for name in each.world.models:
        await manager.unpin(f"{each.kind.prefix}:{name}")
    while True:
        try:
            await manager.chat(f"{each.kind.prefix}:small", [{"role": "user", "content": "Hi"}], max_tokens=2)
            return
        except BursarError as error:
            chaos.tally.outcomes[f"after: {error}"] += 1
            await asyncio.sleep(5)


async def _nothing_left(plants: list[Plant], before: set[asyncio.Task[object]]) -> None:
    current = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() - before if task is not current and "bursar" in repr(task)]
    left = [task for task in left if "uvicorn" not in repr(task) and "testing/provider" not in repr(task)]
    assert left == []
    for each in plants:
        server = each.server._server
        assert server is not None
        async with asyncio.timeout(60):
            # Ten of the server's own milliseconds at a time: it has no other way of saying.
            while server.server_state.connections:
                await asyncio.sleep(0.01)


def _check_journal(folder: Path, tally: Tally) -> None:
    with closing(Reader(folder / "journal.db")) as reader:
        assert replay(reader).equal
        head = reader.head()
    assert verify(folder / "journal.db").ok
    assert head <= EVENTS_EACH * (tally.actions + tally.toggles) + EVENTS_ANYWAY
