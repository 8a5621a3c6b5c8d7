"""One script in which nearly everything happens; run as a module, it prints the digest of its history."""

import hashlib
import sys

from bursar.domain.registry import encode
from bursar.domain.settings import Eviction, Limits, Settings
from bursar.testing.machines import Faults, Kind

from .scripts import (
    Action,
    Ask,
    Cancel,
    Configure,
    Cut,
    Find,
    Free,
    Lose,
    Luck,
    Nap,
    Observe,
    Pin,
    Replace,
    Restart,
    Sample,
    Script,
    Sense,
    SetBreaker,
    Shrink,
    Traffic,
    Trouble,
    Unload,
    Wait,
)
from .talks import talks

_LIMITS = Limits(
    max_models_loaded=2,
    memory_bytes=220,
    overtake_budget_ms=3_000,
    inactivity_timeout_ms=30_000,
    load_cooldown_ms=200,
)
_TIGHT = _LIMITS.model_copy(update={"max_models_loaded": 1})
_WIDE = _LIMITS.model_copy(update={"memory_bytes": 300, "lease_max_ms": 20_000})
_PART: tuple[Action, ...] = (
    Ask("a", 500, times=4),
    Wait(5_000),
    Ask("b"),
    Ask("c", deadline_ms=2_000),
    Traffic("a", 400, 15),
    Cancel(1),
    Ask("b", 3_000),
    Wait(5_000),
    Sample(250),
    Ask("d", 5_000, priority=5),
    Ask("e", 1_000, times=2),
    Wait(4_500),
    Lose("d"),
    Lose("e"),
    Pin("e", pinned=True),
    Ask("c", 1_000),
    Wait(5_000),
    Unload("e"),
    Pin("e", pinned=False),
    Free(),
    Sample(0, processes=False),
    Wait(10_000),
    Ask("b", 5_000),
    Wait(4_500),
    Ask("a", 10),
    Traffic("b", 400, 10),
    Cancel(0),
    Ask("a", 10),
    Wait(300),
    Restart(dead=("a",), early=("a", "b")),
    Wait(20_000),
    Find("d"),
    Ask("a", 100),
    Wait(4_000),
)
#: What providers that cannot do everything lead to, and what happens by somebody else's hand.
_HANDS: tuple[Action, ...] = (
    Configure(Settings(limits=_TIGHT)),
    Luck(Faults()),
    Observe("g", unload=False, sleep=True),
    Ask("g", 10),
    Wait(5_000),
    Ask("c", 10),
    Wait(6_000),
    Luck(Faults(load_fails=1_000)),
    Ask("g", 10),
    Wait(20_000),
    Luck(Faults()),
    Ask("g", 10),
    Wait(5_000),
    Ask("c", 10),
    Wait(6_000),
    Ask("g", 10),
    Wait(5_000),
    Shrink("g"),
    Nap("g"),
    Nap("g"),
    Observe("g"),
    Observe("e", load=False, unload=False),
    Ask("e", 10),
    Observe("e"),
    Ask("f", 10),
    Wait(5_000),
    Sense("f", 2_000, times=3),
    Wait(10_000),
)
#: Calls that fail, are made again or elsewhere, and breakers.
_TROUBLE: tuple[Action, ...] = (
    Configure(Settings(limits=_LIMITS, fallbacks={"a": "b"})),
    Wait(10_000),
    Ask("a", 20_000, times=2),
    Wait(5_000),
    Trouble("a", "PROVIDER_UNAVAILABLE"),
    Trouble("a", "PROVIDER_UNAVAILABLE"),
    Trouble("a", "PROVIDER_TIMEOUT"),
    Wait(5_000),
    Ask("b", 5_000),
    Wait(4_500),
    Trouble("b", "UNSUPPORTED"),
    SetBreaker("b", "forced_open"),
    Ask("b"),
    SetBreaker("b", "closed"),
    Wait(60_000),
    Configure(Settings(limits=_TIGHT.model_copy(update={"overtake_budget_ms": 0}))),
    Ask("a", 20_000),
    Wait(10_000),
    Cut("a"),
    Ask("c"),
    SetBreaker("c", "forced_open"),
    SetBreaker("c", "closed"),
    Wait(60_000),
)
EVERYTHING = Script(
    kinds={
        "a": Kind(100, slots=2),
        "b": Kind(100),
        "c": Kind(150),
        "d": Kind(60, device="gpu0"),
        "e": Kind(40),
        "f": Kind(200 << 20, device="gpu1"),
        "g": Kind(30, device="gpu0"),
    },
    settings=Settings(limits=_LIMITS, preload=("e",)),
    totals={"ram": 400, "gpu0": 100},
    faults=Faults(load_fails=80, unload_fails=150, takes_more=80),
    seed=21,
    actions=(
        *_PART,
        Configure(Settings(limits=_TIGHT)),
        *_PART,
        Restart(graceful=True),
        Replace("a", 90),
        Configure(Settings(limits=_WIDE, eviction=Eviction(policy="lru"))),
        *_PART,
        *_HANDS,
        *_TROUBLE,
        *talks(_LIMITS),
        Configure(Settings(limits=_TIGHT)),
        Wait(60_000),
        Ask("a", 30_000),
        Wait(5_000),
        Ask("c"),
        Ask("a", 10),
        Wait(4_000),
        Cancel(1),
        Wait(60_000),
    ),
)


def digest() -> str:
    """SHA-256 over every event of the script."""
    history = EVERYTHING.play().history
    lines = [f"{event.position} {event.at} {event.cause} {encode(event.body)}" for event in history]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest())
