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
    Find,
    Free,
    Lose,
    Pin,
    Replace,
    Restart,
    Sample,
    Script,
    Traffic,
    Unload,
    Wait,
)

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
EVERYTHING = Script(
    kinds={
        "a": Kind(100, slots=2),
        "b": Kind(100),
        "c": Kind(150),
        "d": Kind(60, device="gpu0"),
        "e": Kind(40),
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
