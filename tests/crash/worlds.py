"""Runs by number, so that any number of points can be asked for, and each can be come back to."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from .damage import SURVIVED
from .faults import FOR_EVER as NEVER
from .faults import PLANS, Failing, failing
from .points import new_disk, recorded, sweep, sweep_twice
from .tally import Failure, Tally
from .truth import Truth
from .workload import Recording, draw, record

#: By mode. What a journal survives, and last what it cannot.
TURNS = ("power cut", "failing disk", "power cut", "power cut twice")
HOPELESS = ("lying disk", "torn sectors")

Tallies = dict[str, Tally]
Only = Callable[[int], bool]


def world(seed: int, number: int, only: Only | None = None) -> Tallies:
    """The points of the run with this number."""
    mode = TURNS[number % len(TURNS)]
    name = f"{seed}/{number}"
    if mode == "power cut":
        tally = Tally()
        sweep(recorded(name), name, tally, only=only or _all)
        return {mode: tally}
    if mode == "power cut twice":
        first, second = Tally(), Tally()
        sweep_twice(recorded(name, appends=20), name, first, second, only or (lambda point: point % 25 == 0))
        return {"power cut": first, mode: second}
    return failing_world(name, number // len(TURNS), only or (lambda point: point % 3 == 0))


def hopeless(mode: str, seed: int, number: int, only: Only | None = None) -> Tallies:
    """The points of a run on a disk that nothing can be done about."""
    name, tally = f"{seed}/{mode}/{number}", Tally()
    disk = new_disk(name)
    disk.lies = mode == "lying disk"
    recording = record(disk, Truth(), name, draw(Random(f"{name}/knobs")))
    damages = ("torn sectors",) if mode == "torn sectors" else SURVIVED
    sweep(recording, name, tally, only=only or _all, damages=damages)
    return {mode: tally}


def failing_world(name: str, number: int, only: Only) -> Tallies:
    """Points of a run on a disk that fails as one of the plans has it, from some call on."""
    random = Random(f"{name}/fault")
    make = PLANS[number % len(PLANS)]
    knobs = replace(draw(random, appends=30), ends=("closed", "closed", "killed"))

    def run(nth: int) -> tuple[Recording, Failing]:
        disk = new_disk(name)
        fault = failing(disk, make(nth))
        return record(disk, Truth(), name, knobs), fault

    _, counting = run(NEVER)
    recording, fault = run(random.randint(1, counting.calls))
    tally = Tally()
    tally.seen["a disk failed"] += fault.struck > 0
    sweep(recording, name, tally, only=only)
    return {str(fault.plan): tally}


def _all(_point: int) -> bool:
    return True


def once_more(name: str, point: int) -> list[Failure]:
    """What goes wrong at the point that a failure named. Raises ValueError for a name that is none."""
    seed, number, *first = map(int, name.split("/"))
    wanted = first[0] if first else point
    tallies = world(seed, number, lambda at: at == wanted)
    return [
        failure
        for tally in tallies.values()
        for failure in tally.failures
        if (failure.seed, failure.point) == (name, point)
    ]
