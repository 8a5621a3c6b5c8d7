"""A manager with small limits, clients that ask at random, and providers that do what is wrong."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import bursar
from bursar.domain.errors import BursarError
from bursar.domain.events import Event
from bursar.domain.models.machine import RESIDENT
from bursar.domain.providers.names import provider_of
from bursar.domain.requests import events as requests
from bursar.domain.resilience.machine import BreakerState

from .disturbing import FAULTS
from .plants import Plant

HELLO = [{"role": "user", "content": "Hello world"}]
TERMINAL = (
    requests.RequestFinished,
    requests.RequestCancelled,
    requests.RequestRejected,
    requests.RequestExpired,
    requests.RequestAborted,
    requests.LeaseRevoked,
)


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

    async def chat(self, rng: random.Random) -> None:
        await self._ask(rng)

    async def _ask(self, rng: random.Random) -> bursar.Answer:
        return await self.manager.chat(
            self._model(rng),
            HELLO,
            max_tokens=rng.choice((1, 5, 40)),
            priority=rng.choice((0, 0, 5)),
            deadline_s=rng.choice((None, None, 0.05, 5, 60)),
        )

    async def cancelled(self, rng: random.Random) -> None:
        asking = asyncio.ensure_future(rng.choice((self._ask, self.lease, self.load))(rng))
        if rng.random() < 0.5:
            await asyncio.sleep(rng.choice((0, 0.001, 0.1, 1)))
        for _ in range(rng.choice((0, 1, 3, 10))):
            await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    async def streamed(self, rng: random.Random) -> None:
        stream = await self.manager.chat(self._model(rng), HELLO, stream=True, max_tokens=20, deadline_s=60)
        left = rng.choice((0, 1, 3, 100))
        async with stream:
            while left and not (await anext(stream)).done:
                left -= 1
                await asyncio.sleep(rng.choice((0, 0, 0.01)))

    async def lease(self, rng: random.Random) -> None:
        async with self.manager.lease(self._model(rng), deadline_s=rng.choice((None, 1, 30))):
            await asyncio.sleep(rng.choice((0, 0.1, 2, 20)))

    async def load(self, rng: random.Random) -> None:
        await self.manager.load_model(self._model(rng), deadline_s=rng.choice((None, 30)))

    async def unload(self, rng: random.Random) -> None:
        await self.manager.unload_model(self._model(rng))

    async def pin(self, rng: random.Random) -> None:
        await rng.choice((self.manager.pin, self.manager.unpin))(self._model(rng))

    async def free(self, _rng: random.Random) -> None:
        await self.manager.free_resources()

    async def configure(self, rng: random.Random) -> None:
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

    async def look(self, rng: random.Random) -> None:
        self.manager.models()
        self.manager.resource_metrics()
        await self.manager.catalogue()
        await self.manager.describe(self._model(rng))

    def _model(self, rng: random.Random) -> str:
        return rng.choice(self.plants).model(rng)

    # --- faults

    async def disturb(self, number: int, toggles: int) -> None:
        """Switch faults on and off; whatever is on at the end, `calm` takes back."""
        rng = random.Random(f"{self._seed}/faults/{number}")
        for _ in range(toggles):
            await asyncio.sleep(rng.choice((0, 0.01, 0.2, 2, 20)))
            each = rng.choice(self.plants)
            name = rng.choice(list(FAULTS))
            self.tally.toggles += 1
            self.tally.story.append(f"fault {name} of {each.kind.prefix}")
            with suppress(BursarError):
                await FAULTS[name](each, rng, self.manager)

    async def calm(self) -> None:
        """Everything works again."""
        for each in self.plants:
            each.world.faults.__init__()  # type: ignore[misc]  # all back to what it is by default, in place
            each.world.may_load.set()
            each.world.may_answer.set()
            each.world.changed()
            if each.stopped:
                await each.start()
            if each.kind.single and not each.world.instances:
                await each.kill()
                await each.start()

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


_Action = Callable[[Chaos, random.Random], Awaitable[None]]
_ACTIONS: dict[str, tuple[_Action, int]] = {
    "chat": (Chaos.chat, 8),
    "cancelled": (Chaos.cancelled, 5),
    "streamed": (Chaos.streamed, 4),
    "lease": (Chaos.lease, 2),
    "load": (Chaos.load, 2),
    "unload": (Chaos.unload, 2),
    "pin": (Chaos.pin, 1),
    "free": (Chaos.free, 1),
    "configure": (Chaos.configure, 1),
    "look": (Chaos.look, 1),
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
