"""A manager with small limits, clients that ask at random, and providers that do everything wrong for a while."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import bursar
from bursar.adapters.providers.timeouts import ProviderTimeouts
from bursar.domain.errors import BursarError
from bursar.domain.events import Event
from bursar.domain.models.machine import RESIDENT
from bursar.domain.models.values import RAM, DeviceReading, Reading
from bursar.domain.ports import ChatRequest, Chunk
from bursar.domain.providers.names import provider_of
from bursar.domain.requests import events as requests
from bursar.domain.resilience.gate import refusing
from bursar.domain.resilience.machine import BreakerState
from bursar.testing.provider.faults import Faults, Refusal
from bursar.testing.provider.serving import Serving
from bursar.testing.provider.world import GIB, Installed, Timing, World

from .kinds import KINDS, Kind, ask_by_hand

HELLO = [{"role": "user", "content": "Hello world"}]
MODELS = (Installed("small", size=GIB), Installed("large", size=4 * GIB), Installed("third", size=2 * GIB))
TERMINAL = (
    requests.RequestFinished,
    requests.RequestCancelled,
    requests.RequestRejected,
    requests.RequestExpired,
    requests.RequestAborted,
    requests.LeaseRevoked,
)
_OOM = ("cudaMalloc failed: out of memory", "unable to allocate CUDA0 buffer", "the file is broken")


class Machine:
    """Implements `domain.ports.Sensor` by what is really in memory, anywhere."""

    def __init__(self, worlds: list[World]) -> None:
        self._worlds = worlds

    def read(self) -> Reading:
        used = sum(each.memory for world in self._worlds for each in world.instances.values())
        ram = DeviceReading(device=RAM, total_bytes=64 * GIB, used_bytes=min(used, 64 * GIB))
        return Reading(devices=(ram,), cpu_per_mille=0, cores=2, models={})


class Watched:
    """A provider, and what was asked of it although its breaker says that it must not be."""

    def __init__(self, provider: Any, prefix: str, told: list[str]) -> None:
        self._provider, self._prefix, self._told = provider, prefix, told
        self.manager: bursar.ResourceManager | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    async def load(self, description: Any) -> Any:
        self._look(f"load of {description.model}")
        return await self._provider.load(description)

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self._look(f"chat with {model}")
        async with aclosing(self._provider.chat(model, request)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _look(self, what: str) -> None:
        if self.manager and refusing(self.manager.state, f"{self._prefix}:any"):
            self._told.append(f"{what} was sent while the breaker refuses")


@dataclass(slots=True)
class Plant:
    """A simulated provider that can be killed and begun anew."""

    kind: Kind
    world: World
    server: Serving
    watched: Watched
    app: Any = None
    #: Faults that may not be on at once with a comparison of bytes.
    measured: bool = True
    stopped: bool = False

    def model(self, rng: random.Random) -> str:
        return f"{self.kind.prefix}:{rng.choice(list(self.world.models))}"

    def begin_anew(self) -> None:
        """As a new process: nothing in memory but what is there from the beginning."""
        self.world.forget_all()
        self.app = self.kind.build(self.world)


async def plant(kind: Kind, told: list[str], stack: AsyncExitStack, timeouts: ProviderTimeouts) -> Plant:
    """Start one."""
    world = World(MODELS[:1] if kind.single else MODELS, Timing(load=0))
    holder: list[Plant] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await holder[0].app(scope, receive, send)

    server = Serving(app)
    await server.start()
    stack.push_async_callback(server.stop)
    made = Plant(kind, world, server, Watched(kind.adapter(server.url, timeouts), kind.prefix, told))
    holder.append(made)
    made.begin_anew()
    return made


@dataclass(slots=True)
class Tally:
    """What happened, for the checks at the end."""

    actions: int = 0
    toggles: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    ended: Counter[int] = field(default_factory=Counter[int])
    arrived: int = 0
    events: Counter[str] = field(default_factory=Counter[str])
    #: The last things that were done.
    story: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])


class Chaos:
    """One run: clients and faults, each with a schedule drawn from the seed."""

    def __init__(self, manager: bursar.ResourceManager, plants: list[Plant], seed: int, tally: Tally) -> None:
        self.manager, self.plants, self.tally = manager, plants, tally
        self._seed = seed
        self.rng = random.Random(seed)
        for each in plants:
            each.watched.manager = manager
        manager.on(None, self._hear)

    def _hear(self, event: Event) -> None:
        body = event.body
        self.tally.events[body.name] += 1
        if isinstance(body, TERMINAL):
            self.tally.ended[body.request] += 1
        for breaker in self.manager.state.breakers.values():
            let = len(breaker.probes) + len(breaker.window.calls)
            most = self.manager.state.host.settings.breaker.permitted_calls_in_half_open
            if breaker.state is BreakerState.HALF_OPEN and let > most:
                self.tally.wrong.append(f"{let} calls let through half open, of {most}")

    # --- clients

    async def client(self, number: int, actions: int) -> None:
        """Does one thing after another, whatever comes of it."""
        rng = random.Random(f"{self._seed}/{number}")
        for _ in range(actions):
            self.tally.actions += 1
            await asyncio.sleep(rng.choice((0, 0, 0.01, 0.3, 3)))
            what = rng.choices(list(_ACTIONS), [weight for _, weight in _ACTIONS.values()])[0]
            self.tally.story.append(f"client {number}: {what}")
            try:
                await _ACTIONS[what][0](self, rng)
                self.tally.outcomes[f"{what} ok"] += 1
            except BursarError as error:
                self.tally.outcomes[f"{what} {error.code}"] += 1

    async def _chat(self, rng: random.Random) -> None:
        await self._ask(rng)

    async def _ask(self, rng: random.Random) -> bursar.Answer:
        return await self.manager.chat(
            self._model(rng),
            HELLO,
            max_tokens=rng.choice((1, 5, 40)),
            priority=rng.choice((0, 0, 5)),
            deadline_s=rng.choice((None, None, 0.05, 5, 60)),
        )

    async def _cancelled(self, rng: random.Random) -> None:
        asking = asyncio.ensure_future(rng.choice((self._ask, self._lease, self._load))(rng))
        if rng.random() < 0.5:
            await asyncio.sleep(rng.choice((0, 0.001, 0.1, 1)))
        for _ in range(rng.choice((0, 1, 3, 10))):
            await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    async def _streamed(self, rng: random.Random) -> None:
        stream = await self.manager.chat(self._model(rng), HELLO, stream=True, max_tokens=20, deadline_s=60)
        left = rng.choice((0, 1, 3, 100))
        async with stream:
            while left and not (await anext(stream)).done:
                left -= 1
                await asyncio.sleep(rng.choice((0, 0, 0.01)))

    async def _lease(self, rng: random.Random) -> None:
        async with self.manager.lease(self._model(rng), deadline_s=rng.choice((None, 1, 30))):
            await asyncio.sleep(rng.choice((0, 0.1, 2, 20)))

    async def _load(self, rng: random.Random) -> None:
        await self.manager.load_model(self._model(rng), deadline_s=rng.choice((None, 30)))

    async def _unload(self, rng: random.Random) -> None:
        await self.manager.unload_model(self._model(rng))

    async def _pin(self, rng: random.Random) -> None:
        await rng.choice((self.manager.pin, self.manager.unpin))(self._model(rng))

    async def _free(self, _rng: random.Random) -> None:
        await self.manager.free_resources()

    async def _configure(self, rng: random.Random) -> None:
        change: dict[str, Any] = rng.choice(
            (
                {"limits": {"max_models_loaded": rng.choice((1, 2, 3))}},
                {"limits": {"memory": rng.choice(("6 GiB", "9 GiB", "16 GiB"))}},
                {"limits": {"load_cooldown": rng.choice((0, 0.1, 5))}},
                {"limits": {"inactivity_timeout": rng.choice((None, 0.2, 30))}},
                {"breaker": {"mode": rng.choice(("enforce", "enforce", "shadow", "off"))}},
                {"retry": {"max_attempts": rng.choice((1, 2, 3))}},
            )
        )
        await self.manager.configure(**change)

    async def _look(self, rng: random.Random) -> None:
        self.manager.models()
        self.manager.resource_metrics()
        await self.manager.catalogue()
        await self.manager.describe(self._model(rng))

    def _model(self, rng: random.Random) -> str:
        return rng.choice(self.plants).model(rng)

    # --- faults

    async def disturb(self, toggles: int) -> None:
        """Switch faults on and off; whatever is on at the end, `calm` takes back."""
        rng = random.Random(f"{self._seed}/faults")
        for _ in range(toggles):
            await asyncio.sleep(rng.choice((0, 0.01, 0.2, 2, 20)))
            each = rng.choice(self.plants)
            name = rng.choice(list(_FAULTS))
            self.tally.toggles += 1
            self.tally.story.append(f"fault {name} of {each.kind.prefix}")
            with suppress(BursarError):
                await _FAULTS[name](each, rng, self.manager)

    async def calm(self) -> None:
        """Everything works again."""
        for each in self.plants:
            each.world.faults.__init__()  # type: ignore[misc]  # all back to what it is by default, in place
            each.world.may_load.set()
            each.world.may_answer.set()
            each.world.changed()
            if each.stopped:
                await _start(each)
            if each.kind.single and not each.world.instances:
                await _killed(each)
                await _start(each)

    # --- the end

    def resting(self) -> str:
        """What is not at rest; empty when all is."""
        state = self.manager.state
        if state.requests:
            return f"open requests {dict(state.requests)}"
        for model in state.models.values():
            if model.leases or model.intent is not None or model.plan is not None:
                return f"{model}"
        if state.plans or state.freeing:
            return f"plans {state.plans} freeing {state.freeing}"
        for each in self.plants:
            if each.world.loading:
                return f"{each.kind.prefix} loads {each.world.loading}"
            if any(instance.busy for instance in each.world.instances.values()):
                return f"{each.kind.prefix} answers {each.world.instances}"
            if told := self._differs(each):
                return told
        return ""

    def _differs(self, each: Plant) -> str:
        believed = {
            name.removeprefix(f"{each.kind.prefix}:"): model
            for name, model in self.manager.state.models.items()
            if model.state in RESIDENT and provider_of(name) == each.kind.prefix
        }
        held = {instance.model.name for instance in each.world.instances.values()}
        if each.kind.loads and believed.keys() != held:
            return f"believed {believed} held {held}"
        return ""


async def _start(each: Plant) -> None:
    await each.server.start()
    each.stopped = False


async def _killed(each: Plant) -> None:
    each.stopped = True
    await each.server.stop()
    each.begin_anew()


async def _restart(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    if each.stopped:
        return
    await _killed(each)
    await asyncio.sleep(rng.choice((0, 0.1, 5, 30)))
    await _start(each)


async def _hang(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    seen = sorted({path for _, path, _ in each.world.requests} | {each.kind.chat})
    each.world.faults.hang.add(rng.choice(seen))
    await asyncio.sleep(rng.choice((0.1, 3, 15)))
    each.world.faults.hang.clear()


async def _refuse(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    seen = sorted({path for _, path, _ in each.world.requests} | {each.kind.chat})
    said = rng.choice(
        (
            Refusal(503, '{"error":"busy"}', {"Retry-After": str(rng.choice((0, 1, 3)))}, times=3),
            Refusal(429, '{"error":{"message":"slow down"}}', {"Retry-After": "2"}, times=2),
            Refusal(429, "", times=2),
            Refusal(500, '{"error":"something went wrong"}', times=3),
            Refusal(200, "<html>junk</html>", times=2),
            Refusal(404, '{"error":"model not found"}', times=2),
            Refusal(502, "", times=4),
        )
    )
    each.world.faults.refusals[rng.choice(seen)] = said


async def _streams(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    faults = each.world.faults
    name, value = rng.choice(
        (
            ("cut_after", rng.randrange(4)),
            ("hang_after", rng.randrange(3)),
            ("junk_after", (rng.randrange(3), b"\x00junk\n\n")),
            ("no_end", True),
            ("no_usage", True),
        )
    )
    setattr(faults, name, value)
    await asyncio.sleep(rng.choice((0.1, 1, 10)))
    setattr(faults, name, getattr(Faults(), name))


async def _loads(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    if rng.random() < 0.5:
        each.world.faults.load_error = rng.choice(_OOM)
        await asyncio.sleep(rng.choice((0.1, 1, 10)))
        each.world.faults.load_error = None
        return
    each.world.may_load.clear()
    await asyncio.sleep(rng.choice((0.1, 3, 30, 70)))
    each.world.may_load.set()


async def _answers(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    each.world.may_answer.clear()
    await asyncio.sleep(rng.choice((0.1, 3, 40)))
    each.world.may_answer.set()


async def _memory(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    faults = each.world.faults
    each.measured = False
    name, value = rng.choice(
        (
            ("takes_per_mille", 1500),
            ("reports_per_mille", 500),
            ("grants_context", 1024),
            ("unload_ignored", True),
        )
    )
    setattr(faults, name, value)
    await asyncio.sleep(rng.choice((0.1, 3, 40)))
    setattr(faults, name, getattr(Faults(), name))


async def _hands(each: Plant, rng: random.Random, manager: bursar.ResourceManager) -> None:
    """Somebody else loads or unloads; not what is being loaded at the moment, for that would be his mistake."""
    if not each.kind.loads or each.stopped or each.world.loading:
        return
    name = rng.choice(list(each.world.models))
    here = [instance for instance in each.world.instances.values() if instance.model.name == name]
    asked = each.kind.hand_unload if here else each.kind.hand_load
    known = manager.state.models.get(f"{each.kind.prefix}:{name}")
    if asked is None or any(instance.busy for instance in here):
        each.world.forget_all()
    elif here or known is None or known.intent is None:
        await ask_by_hand(each.server.url, asked(name))


async def _forget(each: Plant, _rng: random.Random, _manager: bursar.ResourceManager) -> None:
    if each.kind.loads:
        each.world.forget_all()


async def _breaker(each: Plant, rng: random.Random, manager: bursar.ResourceManager) -> None:
    await manager.set_breaker(each.kind.prefix, rng.choice(("forced_open", "disabled", "metrics_only")))
    await asyncio.sleep(rng.choice((0.1, 5)))
    await manager.set_breaker(each.kind.prefix, "closed")


_Fault = Callable[[Plant, random.Random, bursar.ResourceManager], Awaitable[None]]
_FAULTS: dict[str, _Fault] = {
    "restart": _restart,
    "hang": _hang,
    "refuse": _refuse,
    "streams": _streams,
    "loads": _loads,
    "answers": _answers,
    "memory": _memory,
    "hands": _hands,
    "forget": _forget,
    "breaker": _breaker,
}
_Action = Callable[[Chaos, random.Random], Awaitable[None]]
_ACTIONS: dict[str, tuple[_Action, int]] = {
    "chat": (Chaos._chat, 8),
    "cancelled": (Chaos._cancelled, 5),
    "streamed": (Chaos._streamed, 4),
    "lease": (Chaos._lease, 2),
    "load": (Chaos._load, 2),
    "unload": (Chaos._unload, 2),
    "pin": (Chaos._pin, 1),
    "free": (Chaos._free, 1),
    "configure": (Chaos._configure, 1),
    "look": (Chaos._look, 1),
}


def settings_of(rng: random.Random, prefixes: list[str]) -> bursar.Settings:
    """Small limits, and everything that can react."""
    fallbacks = {f"{prefixes[0]}:large": f"{prefixes[-1]}:small"} if rng.random() < 0.4 else {}
    return bursar.Settings(
        limits={
            "memory": rng.choice(("6 GiB", "9 GiB", "16 GiB")),
            "max_models_loaded": rng.choice((1, 2, 3)),
            "load_cooldown": rng.choice((0, 0.1, 5)),
            "lease_max": rng.choice((5, 3600)),
            "inactivity_timeout": rng.choice((None, 0.5, 60)),
            "overtake_budget": rng.choice((0, 1, 60)),
        },
        queue={"max_waiting": rng.choice((2, 64))},
        reconcile={"interval": rng.choice((0.1, 5))},
        breaker={
            "mode": rng.choice(("enforce", "enforce", "enforce", "shadow", "off")),
            "sliding_window_size": 4,
            "minimum_number_of_calls": 2,
            "wait_duration_in_open_state": rng.choice((0.1, 2)),
            "wait_duration_max": 8,
            "permitted_calls_in_half_open": rng.choice((1, 2)),
            "max_wait_in_half_open": rng.choice((0, 5)),
            "ramp": {"window": rng.choice((0, 3))},
        },
        retry={"max_attempts": rng.choice((1, 2, 3)), "wait": 0.1, "wait_max": 5},
        recovery={
            "cleanup": {"threshold": 2, "cooldown": 1},
            "restart": {"threshold": rng.choice((None, 2)), "cooldown": 5},
            "scale_down": {"threshold": rng.choice((None, 2)), "cooldown": 5},
        },
        context={"on_truncation": "warn"},
        fallbacks=fallbacks,
    )


__all__ = ["KINDS", "Chaos", "Machine", "Plant", "Tally", "plant", "settings_of"]
