"""The whole engine in a world of its own: virtual time, a simulated provider, faults, crashes and restarts.

One seed draws everything: the models and the limits, the agents and their impatience, which faults strike,
and when the manager is killed. The same seed gives the same journal, to the last byte.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

from ..domain.errors import BursarError
from ..domain.events import Event
from ..domain.host.events import ManagerStarted
from ..domain.requests.events import (
    LeaseRevoked,
    RequestAborted,
    RequestArrived,
    RequestCancelled,
    RequestExpired,
    RequestFinished,
    RequestRejected,
)
from ..eventstore.journal import Journal
from ..eventstore.reader import Reader
from ..manager import ResourceManager
from ..opening import serve
from ..projections.history import events, fold
from ..projections.redecide import redecide
from ..settings import Settings
from .simloop import SimLoop, run
from .simulated import Faults, SimulatedProvider, SimulatedSensor
from .storage import InlineStorage

PREFIX = "sim"
_MIB = 1 << 20

_TERMINAL = (
    RequestFinished,
    RequestCancelled,
    RequestRejected,
    RequestExpired,
    RequestAborted,
    LeaseRevoked,
)

#: Who a simulated manager says it is: nothing of the machine it really runs on.
_IDENTITY = ManagerStarted(
    pid=1,
    host="simulation",
    code_version="simulation",
    code_fingerprint="simulation",
    python="simulation",
    sqlite="simulation",
)


@dataclass(frozen=True, slots=True)
class World:
    """What a seed draws before anything happens."""

    sizes: dict[str, int]
    memory_bytes: int
    max_models: int
    policy: str
    overtake_budget_s: float
    faults: Faults
    requests: int
    #: Seconds over which the requests arrive; short means a burst.
    spread_s: float
    #: Share of requests for one model, per-mille: steady traffic.
    steady: int
    #: Seconds after each start at which the manager is killed.
    kills_s: tuple[float, ...]


@dataclass(slots=True)
class Result:
    """What a simulation came to."""

    root: str
    events: int
    seen: Counter[str]
    #: Invariants that did not hold, in words.
    violations: list[str] = field(default_factory=list[str])


def draw(seed: int) -> World:
    """The world of a seed."""
    random = Random(seed)
    sizes = {f"m{n}": random.randint(1, 8) * _MIB for n in range(random.randint(2, 6))}
    armed = [random.random() < 0.5 for _ in range(4)]
    faults = Faults(
        load_fails=armed[0] * random.randint(50, 300),
        unload_fails=armed[1] * random.randint(50, 300),
        dies_while_answering=armed[2] * random.randint(1, 20),
        takes_more=armed[3] * random.randint(50, 300),
    )
    return World(
        sizes=sizes,
        memory_bytes=random.randint(max(sizes.values()), sum(sizes.values())),
        max_models=random.randint(1, len(sizes)),
        policy=random.choice(("hybrid", "lru", "lfu", "priority")),
        overtake_budget_s=random.choice((0, 2, 10, 60)),
        faults=faults,
        requests=random.randint(10, 60),
        spread_s=random.choice((1, 30, 200)),
        steady=random.choice((0, 500, 900)),
        kills_s=tuple(random.uniform(1, 60) for _ in range(random.choice((0, 0, 1, 2)))),
    )


def simulate(seed: int, journal: Path) -> Result:
    """Run the world of a seed on a journal that does not exist yet, to its end, and check the invariants."""
    world = draw(seed)
    acknowledged: list[Event] = []
    provider = SimulatedProvider(world.sizes, seed=seed, faults=world.faults)
    if not world.faults.takes_more:
        provider.limit_bytes = world.memory_bytes
    provider.limit_models = world.max_models
    run(lambda loop: _history(loop, world, seed, journal, provider, acknowledged), seed=seed)
    return _judge(journal, provider, acknowledged)


async def _history(
    loop: SimLoop,
    world: World,
    seed: int,
    journal: Path,
    provider: SimulatedProvider,
    acknowledged: list[Event],
) -> None:
    """One manager after another: each but the last is killed."""
    for life, kill_s in enumerate((*world.kills_s, None)):
        salts = Random(f"{seed}/{life}/salts")
        store = Journal.open(journal, clock_ns=loop.now_ns, entropy=salts.randbytes, storage=InlineStorage)
        random = Random(f"{seed}/{life}")
        process = loop.spawn(_life(loop, world, random, store, provider, acknowledged))
        if kill_s is None:
            await process.task
            store.close()
        else:
            await asyncio.sleep(kill_s)
            process.kill()
            provider.forget_manager()
            store.abandon()


async def _life(
    loop: SimLoop,
    world: World,
    random: Random,
    store: Journal,
    provider: SimulatedProvider,
    acknowledged: list[Event],
) -> None:
    """One manager, from its start until nobody wants anything any more."""
    settings = Settings(
        limits={
            "memory": world.memory_bytes,
            "max_models_loaded": world.max_models,
            "overtake_budget": world.overtake_budget_s,
            "load_cooldown": 3,
        },
        eviction={"policy": world.policy},
    )
    sensor = SimulatedSensor(provider, PREFIX, total_bytes=1 << 40)
    async with serve(
        store, settings, {PREFIX: provider}, sensor=sensor, clock=loop, identity=_IDENTITY
    ) as manager:
        manager.on(None, acknowledged.append)
        async with asyncio.TaskGroup() as group:
            for _ in range(world.requests):
                group.create_task(_ask(manager, world, random))


async def _ask(manager: ResourceManager, world: World, random: Random) -> None:
    """One caller: comes at some moment, may be impatient, and may leave in the middle."""
    names = list(world.sizes)
    steady = random.randrange(1000) < world.steady
    model = names[0] if steady else random.choice(names)
    await asyncio.sleep(random.uniform(0, world.spread_s))
    patience_s = random.choice((None, None, None, random.uniform(0.1, 30)))
    deadline_s = random.choice((None, None, random.uniform(1, 120)))
    with suppress(BursarError, TimeoutError):
        async with asyncio.timeout(patience_s):
            await manager.chat(
                f"{PREFIX}:{model}",
                [{"role": "user", "content": "hello"}],
                max_tokens=random.randint(2, 40),
                priority=random.choice((0, 0, 0, 5)),
                deadline_s=deadline_s,
            )


def _judge(journal: Path, provider: SimulatedProvider, acknowledged: list[Event]) -> Result:
    """Read the journal as anybody could, and compare it with what happened."""
    reader = Reader(journal)
    try:
        history = list(events(reader))
        recorded = {event.position: event for event in history}
        seen = Counter(event.body.name for event in history)
        violations = list(provider.violations)
        violations += [
            f"position {event.position} was acknowledged and is not in the journal"
            for event in acknowledged
            if recorded.get(event.position) != event
        ]
        violations += _ends(history)
        final = fold(history)
        if final.requests:
            violations.append(f"requests {sorted(final.requests)} never ended")
        believed = sorted(model.name.removeprefix(f"{PREFIX}:") for model in final.resident())
        if believed != sorted(provider.held):
            violations.append(f"{believed} are thought to be in memory, {sorted(provider.held)} are")
        violations += [str(divergence) for divergence in redecide(reader).divergences]
        leaves = b"".join(reader.leaves())
        return Result(sha256(leaves).hexdigest(), len(history), seen, violations)
    finally:
        reader.close()


def _ends(history: list[Event]) -> list[str]:
    """Every request ends exactly once."""
    arrived = [event.position for event in history if isinstance(event.body, RequestArrived)]
    ends = Counter(event.body.request for event in history if isinstance(event.body, _TERMINAL))
    return [f"request {request} ended {ends[request]} times" for request in arrived if ends[request] != 1]
