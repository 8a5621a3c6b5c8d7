"""Managers of a simulated provider, in virtual time."""

from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import bursar
from bursar.domain.events import Event
from bursar.domain.host.events import ManagerStarted
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.opening import serve
from bursar.projections.history import events
from bursar.testing.simloop import SimLoop, run
from bursar.testing.simulated import SimulatedProvider, SimulatedSensor
from bursar.testing.storage import InlineStorage

IDENTITY = ManagerStarted(pid=1, host="", code_version="", code_fingerprint="", python="", sqlite="")
HELLO = [{"role": "user", "content": "Hello"}]
GIB = 1 << 30
SIZES = {"a": GIB, "b": GIB, "c": GIB}
#: Longer than it takes until everything has been compared, whatever was under way.
SOON_S = 12

Work = Callable[[bursar.ResourceManager, SimulatedProvider], Coroutine[Any, Any, None]]


def managing(folder: Path, provider: SimulatedProvider, *lives: Work, processes: bool = True) -> list[Event]:
    """One manager after another for a provider that outlives them; everything in their journal."""

    async def main(loop: SimLoop) -> None:
        sensor = SimulatedSensor(provider, "sim", total_bytes=64 * GIB)
        sensor.knows_processes = processes
        for work in lives:
            journal = Journal.open(folder / "journal.db", clock_ns=loop.now_ns, storage=InlineStorage)
            settings = bursar.Settings(limits={"max_models_loaded": 2, "idle_price": 0, "load_cooldown": 3})
            with journal as store:
                async with serve(
                    store, settings, {"sim": provider}, sensor=sensor, clock=loop, identity=IDENTITY
                ) as manager:
                    await work(manager, provider)

    run(main, seed=1)
    with closing(Reader(folder / "journal.db")) as reader:
        return list(events(reader))


def of(history: list[Event], kind: type[Any]) -> list[Any]:
    """The events of a type."""
    return [event.body for event in history if isinstance(event.body, kind)]
