"""How long an acknowledgement takes, and how long the event loop stands still, at a steady pace."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple, Protocol

from bursar.domain.events import Event
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft
from bursar.projections.history import to_draft

from . import workload
from .figures import Figure, limited
from .loops import run

CLIENTS = 10
EVENTS_PER_S = 5000
#: One append in this many is durable where stalls are looked for.
_DURABLE_EVERY = 100
_PROBE_S = 0.0005
_US = 1e6


class Sink(Protocol):
    """What is appended to."""

    @property
    def head(self) -> int:
        """Last position given out."""
        ...

    def append(self, batch: Sequence[Draft], *, expected: int, durable: bool) -> "asyncio.Future[int]":
        """Append; the future is done when it is acknowledged."""
        ...


class Nothing:
    """Acknowledges in the next turn of the loop and writes nothing: what is left is the machine's noise."""

    def __init__(self) -> None:
        self.head = 0

    def append(self, batch: Sequence[Draft], *, expected: int, durable: bool) -> "asyncio.Future[int]":
        """Acknowledge."""
        self.head += len(batch)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        loop.call_soon(future.set_result, self.head)
        return future


class Paced(NamedTuple):
    """What one turn came to, in microseconds."""

    p50: float
    p99: float
    p999: float
    #: The longest that the loop came late to a probe of half a millisecond.
    stall: float


def measure(rounds: int, seconds: float) -> list[Figure]:
    """Latencies and stalls, each round beside one of the same length that writes nothing."""
    calm: list[Paced] = []
    mixed: list[Paced] = []
    nothing: list[Paced] = []
    for _ in range(rounds):
        calm.append(_journaled(seconds, durable_every=0))
        mixed.append(_journaled(seconds, durable_every=_DURABLE_EVERY))
        nothing.append(run(paced(Nothing(), seconds, _DURABLE_EVERY), asyncio.new_event_loop))
    p50, p999 = _median(calm, "p50"), _median(calm, "p999")
    pace = f"at {EVENTS_PER_S:,} ev/s"
    return [
        limited(f"acknowledgement {pace}, p99.9, of its p50", p999, 6 * p50, "us")._replace(
            other=p50, ratio=p999 / p50, must=6, goal=4
        ),
        limited(f"acknowledgement {pace}, p99.9", p999, 1000, "us"),
        limited(f"acknowledgement {pace}, p99", _median(calm, "p99"), 1000, "us", judged=False),
        limited("the same, writing nothing: p99.9", _median(nothing, "p999"), 1000, "us", judged=False),
        limited("longest stall, checkpoints and durable ones among", _median(mixed, "stall"), 5000, "us"),
        limited(
            "the same, writing nothing: longest stall", _median(nothing, "stall"), 5000, "us", judged=False
        ),
        limited(
            "the worst of all rounds: longest stall",
            max(turn.stall for turn in mixed),
            max(turn.stall for turn in nothing),
            "us",
            judged=False,
        ),
    ]


def _median(turns: list[Paced], field: str) -> float:
    values: list[float] = [getattr(turn, field) for turn in turns]
    return median(values)


def _journaled(seconds: float, durable_every: int) -> Paced:
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal.db") as journal:
        return run(paced(journal, seconds, durable_every), asyncio.new_event_loop)


async def paced(sink: Sink, seconds: float, durable_every: int) -> Paced:
    """Ten clients append 500 events a second each; `durable_every` 0: none is durable."""
    waits: list[float] = []
    lags: list[float] = []
    probe = asyncio.create_task(_probe(lags))
    started = perf_counter()
    each = int(seconds * EVENTS_PER_S / CLIENTS)
    await asyncio.gather(
        *(_client(sink, number, each, started, durable_every, waits) for number in range(CLIENTS))
    )
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    waits.sort()
    return Paced(
        p50=_US * waits[len(waits) // 2],
        p99=_US * waits[int(0.99 * len(waits))],
        p999=_US * waits[int(0.999 * len(waits))],
        stall=_US * max(lags, default=0.0),
    )


async def _client(
    sink: Sink, number: int, events: int, started: float, durable_every: int, waits: list[float]
) -> None:
    bodies = [build(1) for build in workload.BODIES]
    for nth in range(events):
        due = started + (nth + number / CLIENTS) * CLIENTS / EVENTS_PER_S
        await asyncio.sleep(max(0.0, due - perf_counter()))
        durable = durable_every > 0 and (nth * CLIENTS + number) % durable_every == 0
        asked = perf_counter()
        head = sink.head
        event = Event(head + 1, workload.START + head, None, head + 1, "bursar", bodies[nth % len(bodies)])
        await sink.append((to_draft(event),), expected=head, durable=durable)
        if not durable:
            waits.append(perf_counter() - asked)


async def _probe(lags: list[float]) -> None:
    """Note by how much the loop is late, again and again; its clock's millisecond is not lateness."""
    while True:
        due = perf_counter() + _PROBE_S
        await asyncio.sleep(_PROBE_S)
        lags.append(perf_counter() - due)
