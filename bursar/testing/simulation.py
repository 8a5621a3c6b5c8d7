"""The whole engine in a world of its own: virtual time, a simulated provider, faults, crashes and restarts.

One seed draws everything: the models and the limits, the agents and their impatience, which faults strike,
and when the manager is killed. The same seed gives the same journal, to the last byte.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

from ..domain.errors import BursarError
from ..domain.events import Event
from ..domain.host.events import ManagerStarted
from ..domain.providers.values import Capabilities
from ..domain.requests.events import (
    LeaseRevoked,
    RequestAborted,
    RequestArrived,
    RequestCancelled,
    RequestExpired,
    RequestFinished,
    RequestRejected,
)
from ..domain.resilience.machine import REFUSING, BreakerState
from ..domain.state import State
from ..eventstore.journal import Journal
from ..eventstore.reader import Reader
from ..manager import ResourceManager
from ..opening import serve
from ..projections.history import events, fold
from ..projections.redecide import redecide
from ..settings import Settings
from .simloop import SimLoop, run
from .simulated import Faults, Mood, SimulatedProvider, SimulatedSensor
from .storage import InlineStorage

PREFIX = "sim"
_MIB = 1 << 20
#: What others do.
_DEEDS = ("load", "load", "unload", "shrink", "forget", "away")
#: Seconds in which everything is noticed and settled: a late load, a few comparisons, an idle model leaves.
_REST_S = 120
_MOODS: tuple[Mood, ...] = ("failing", "failing", "busy", "slow")
#: Opens sooner and for a shorter time than usual.
_BREAKER = {"minimum_number_of_calls": 4, "sliding_window_size": 8, "wait_duration_in_open_state": 10}

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
    #: What others do to the provider: after so many seconds of quiet, what, and to which model.
    hands: tuple[tuple[float, str, str], ...] = ()
    #: Whether the provider can put models to sleep and not unload them.
    sleeps: bool = False
    #: Moods of the provider: after so many seconds, which, and for how many.
    moods: tuple[tuple[float, Mood, float], ...] = ()
    #: The first model is answered for by the second.
    degrades: bool = False


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
    kills_s = tuple(random.uniform(1, 60) for _ in range(random.choice((0, 0, 1, 2))))
    late = random.choice((0, 0, 200)) if armed[0] else 0
    deeds = random.choice((0, 0, 3, 12))
    hands = tuple(
        (random.uniform(0.1, 40), random.choice(_DEEDS), random.choice(list(sizes))) for _ in range(deeds)
    )
    world = World(
        sizes=sizes,
        memory_bytes=random.randint(max(sizes.values()), sum(sizes.values())),
        max_models=random.randint(1, len(sizes)),
        policy=random.choice(("hybrid", "lru", "lfu", "priority")),
        overtake_budget_s=random.choice((0, 2, 10, 60)),
        faults=replace(faults, load_late=late),
        requests=random.randint(10, 60),
        spread_s=random.choice((1, 30, 200)),
        steady=random.choice((0, 500, 900)),
        kills_s=kills_s,
        hands=hands,
        sleeps=random.random() < 0.15,
    )
    moods = tuple(
        (random.uniform(0.1, 20), random.choice(_MOODS), random.uniform(1, 40))
        for _ in range(random.choice((0, 0, 1, 4)))
    )
    return replace(world, moods=moods, degrades=random.random() < 0.5)


def simulate(seed: int, journal: Path) -> Result:
    """Run the world of a seed on a journal that does not exist yet, to its end, and check the invariants."""
    world = draw(seed)
    acknowledged: list[Event] = []
    can = Capabilities(load=True, unload=not world.sleeps, sleep=world.sleeps, measure_memory=True)
    provider = SimulatedProvider(world.sizes, seed=seed, faults=world.faults, capabilities=can)
    alone = not world.hands and not world.faults.load_late
    # Nobody can keep the limits of what others load, and of what still loads when it was given up.
    provider.limit_bytes = world.memory_bytes if alone and not world.faults.takes_more else None
    provider.limit_models = world.max_models if alone else None
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
    """One manager after another, each but the last is killed, and others' hands beside them."""
    others = asyncio.ensure_future(_beside(world, provider))
    for life, kill_s in enumerate((*world.kills_s, None)):
        salts = Random(f"{seed}/{life}/salts")
        store = Journal.open(journal, clock_ns=loop.now_ns, entropy=salts.randbytes, storage=InlineStorage)
        random = Random(f"{seed}/{life}")
        process = loop.spawn(_life(loop, world, random, store, provider, acknowledged, others))
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
    others: asyncio.Future[None],
) -> None:
    """One manager, from its start until nobody wants or does anything any more."""
    settings = Settings(
        limits={
            "memory": world.memory_bytes,
            "max_models_loaded": world.max_models,
            "overtake_budget": world.overtake_budget_s,
            "load_cooldown": 3,
        },
        eviction={"policy": world.policy},
        breaker=_BREAKER,
        recovery={"restart": {"threshold": 8}, "scale_down": {"threshold": 6}},
        fallbacks={f"{PREFIX}:m0": f"{PREFIX}:m1"} if world.degrades else {},
    )
    sensor = SimulatedSensor(provider, PREFIX, total_bytes=1 << 40)
    async with serve(
        store, settings, {PREFIX: provider}, sensor=sensor, clock=loop, identity=_IDENTITY
    ) as manager:
        manager.on(None, acknowledged.append)
        provider.asked = partial(_passes, manager, provider)
        async with asyncio.TaskGroup() as group:
            for _ in range(world.requests):
                group.create_task(_ask(manager, world, random))
        if world.hands or world.moods or world.faults.load_late:
            await asyncio.wait([others])
            await asyncio.sleep(_REST_S)
            provider.violations += _differences(manager.state, provider)


async def _beside(world: World, provider: SimulatedProvider) -> None:
    """What happens without any manager."""
    await asyncio.gather(_others(world, provider), _moods(world, provider))


async def _others(world: World, provider: SimulatedProvider) -> None:
    """What other people, and the provider itself, do without asking anybody."""
    for quiet_s, deed, model in world.hands:
        await asyncio.sleep(quiet_s)
        match deed:
            case "load":
                provider.load_by_hand(model)
            case "unload":
                provider.unload_by_hand(model)
            case "shrink":
                provider.shrink_by_hand(model)
            case "forget":
                provider.forget_all()
            case _:
                provider.go_away()
                await asyncio.sleep(quiet_s)
                provider.reachable = True


async def _moods(world: World, provider: SimulatedProvider) -> None:
    """How well the provider does, and does not."""
    for quiet_s, mood, length_s in world.moods:
        await asyncio.sleep(quiet_s)
        provider.mood = mood
        await asyncio.sleep(length_s)
        provider.mood = "well"


def _passes(manager: ResourceManager, provider: SimulatedProvider, model: str) -> None:
    """Nothing passes a breaker that is open, and no more than its permits one that is half open."""
    breaker = manager.state.breakers.get(PREFIX)
    if breaker is None:
        return
    if breaker.state in REFUSING:
        provider.violations.append(f"{model} was asked for while the breaker was {breaker.state}")
    permits = manager.state.host.settings.breaker.permitted_calls_in_half_open
    if breaker.state is BreakerState.HALF_OPEN and len(breaker.probes) > permits:
        provider.violations.append(f"{len(breaker.probes)} probes where {permits} are permitted")


def _differences(state: State, provider: SimulatedProvider) -> list[str]:
    """What the ledger has otherwise than it is, at rest: models, and bytes that it does not count."""
    believed = {model.name.removeprefix(f"{PREFIX}:"): model.memory for model in state.resident()}
    if believed.keys() != provider.memory().keys():
        return [f"{sorted(believed)} are thought to be in memory, {sorted(provider.memory())} are"]
    return [
        f"{name} takes {size}, and the ledger says {believed[name]}"
        for name, size in provider.memory().items()
        if believed[name].get("ram", 0) < size
    ]


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
        violations += _differences(final, provider)
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
