"""What goes wrong with providers for a while, and by whose hand."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import bursar
from bursar.adapters.http.failures import HttpFailure
from bursar.testing.provider.faults import Faults, Refusal

from .kinds import ask_by_hand
from .plants import Plant

_OOM = ("cudaMalloc failed: out of memory", "unable to allocate CUDA0 buffer", "the file is broken")


async def _restart(each: Plant, rng: random.Random, _manager: bursar.ResourceManager) -> None:
    if each.stopped:
        return
    await each.kill()
    await asyncio.sleep(rng.choice((0, 0.1, 5, 30)))
    await each.start()


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
    """Somebody else loads or unloads; not while there are loads, for a copy would be his mistake."""
    if not each.kind.loads or each.stopped or each.world.loading or each.in_hand:
        return
    name = rng.choice(list(each.world.models))
    here = [instance for instance in each.world.instances.values() if instance.model.name == name]
    asked = each.kind.hand_unload if here else each.kind.hand_load
    known = manager.state.models.get(f"{each.kind.prefix}:{name}")
    if asked is None or any(instance.busy for instance in here):
        each.world.forget_all()
    elif here or known is None or known.intent is None:
        each.in_hand = True
        try:
            with suppress(HttpFailure):
                await ask_by_hand(each.server.url, asked(name))
        finally:
            each.in_hand = False


async def _forget(each: Plant, _rng: random.Random, _manager: bursar.ResourceManager) -> None:
    if each.kind.loads:
        each.world.forget_all()


async def _breaker(each: Plant, rng: random.Random, manager: bursar.ResourceManager) -> None:
    await manager.set_breaker(each.kind.prefix, rng.choice(("forced_open", "disabled", "metrics_only")))
    await asyncio.sleep(rng.choice((0.1, 5)))
    await manager.set_breaker(each.kind.prefix, "closed")


_Fault = Callable[[Plant, random.Random, bursar.ResourceManager], Awaitable[None]]
FAULTS: dict[str, _Fault] = {
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
