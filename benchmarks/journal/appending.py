"""Appending, beside a bare apsw loop that inserts the same rows: no triggers, hashes, tasks, or events."""

import asyncio
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from time import monotonic_ns, perf_counter
from typing import Protocol

import apsw

from bursar.domain.events import Body
from bursar.domain.registry import encode
from bursar.eventstore.files import schema
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft

from . import workload
from .figures import Figure, Rounds, alternate, beside
from .loops import Loop, run

#: By clients: what must be reached of the bare loop, and the goal.
_LIMITS: dict[int, tuple[float | None, float | None]] = {1: (0.7, 0.85), 10: (None, None), 100: (0.6, 0.75)}
#: Pages of log after which SQLite checkpoints, unless it is told otherwise.
_DEFAULT = 1000


def measure(rounds: int, events: int, loops: dict[str, Loop]) -> list[Figure]:
    """Events per second for 1, 10 and 100 clients; `events` in every turn, one client a quarter of them.

    With fewer than 10,000 the bare loop would end before SQLite's first checkpoints.
    """
    return [
        figure
        for clients in _LIMITS
        for figure in _figures(
            clients, _measured(clients, rounds, events if clients > 1 else events // 4, loops), loops
        )
    ]


def _measured(clients: int, rounds: int, events: int, loops: dict[str, Loop]) -> Rounds:
    variants: dict[str, Callable[[], float]] = {
        "bare": partial(bare, clients, events, _DEFAULT),
        "bare, no checkpoints": partial(bare, clients, events, 0),
    }
    for name, loop in loops.items():
        variants[name] = partial(journaled, clients, events, loop, Ended)
    variants["various"] = partial(journaled, clients, events, asyncio.new_event_loop, Various)
    variants["built"] = partial(journaled, clients, events, asyncio.new_event_loop, Built)
    return alternate(rounds, variants)


def _figures(clients: int, rounds: Rounds, loops: dict[str, Loop]) -> list[Figure]:
    what = f"append, {clients} client{'s' if clients > 1 else ''}"
    must, goal = _LIMITS[clients]
    judged, *others = loops
    return [
        beside(what, rounds, judged, "bare", "ev/s", must=must, goal=goal),
        beside(f"{what}; bare loop without checkpoints", rounds, judged, "bare, no checkpoints", "ev/s"),
        *(beside(f"{what}; under {other}", rounds, other, "bare", "ev/s") for other in others),
        beside(f"{what}; readings and reasons among them", rounds, "various", "bare", "ev/s"),
        beside(f"{what}; built and validated too", rounds, "built", "bare", "ev/s"),
    ]


class Bodies(Protocol):
    """A client's supply."""

    def next(self, position: int) -> Body:
        """What happened at a position."""
        ...


class Ended:
    """How a request ended: of eight fields, made and validated before."""

    def __init__(self) -> None:
        self._body = workload.failed(1)

    def next(self, position: int) -> Body:
        """The same again."""
        return self._body


class Various:
    """It, a reading of the machine and a decision with its reason in turn, made before: more to encode."""

    def __init__(self) -> None:
        self._bodies = cycle([build(1) for build in workload.BODIES])

    def next(self, position: int) -> Body:
        """The next one."""
        return next(self._bodies)


class Built:
    """The same three, each built and validated when it is asked for."""

    def __init__(self) -> None:
        self._builders = cycle(workload.BODIES)

    def next(self, position: int) -> Body:
        """A new one."""
        return next(self._builders)(position)


def bare(batch: int, events: int, autocheckpoint: int) -> float:
    """Events per second of one thread that commits `batch` rows at a time under NORMAL."""
    rows = [_row(position) for position in range(1, events + 1)]
    with tempfile.TemporaryDirectory() as folder:
        connection = apsw.Connection(str(Path(folder) / "bare.db"))
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", 1)
        connection.pragma("wal_autocheckpoint", autocheckpoint)
        connection.execute(schema())
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        started = perf_counter()
        for first in range(0, events, batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, rows[first : first + batch])
            connection.execute("COMMIT")
        elapsed = perf_counter() - started
        connection.close()
    return events / elapsed


_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _row(position: int) -> tuple[str | int | bytes | None, ...]:
    return position, *_draft(position, workload.failed(position)), bytes(16), None, bytes(32)


def _draft(position: int, body: Body) -> Draft:
    subject, data = body.subject(position), encode(body)
    return Draft(body.kind, body.name, body.version, subject, monotonic_ns(), None, position, "bursar", data)


def journaled(clients: int, events: int, loop: Loop, bodies: Callable[[], Bodies]) -> float:
    """Events per second of clients that each append an event and wait until it is committed.

    For every append a client takes a body from a supply of its own, encodes it to JSON
    and makes a draft of it; then come salts, hashes, the commit and the acknowledgement.
    """
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal.db") as journal:

        async def all_clients() -> float:
            each = events // clients
            started = perf_counter()
            await asyncio.gather(*(_client(journal, each, bodies()) for _ in range(clients)))
            return each * clients / (perf_counter() - started)

        return run(all_clients(), loop)


async def _client(journal: Journal, events: int, bodies: Bodies) -> None:
    for _ in range(events):
        head = journal.head
        draft = _draft(head + 1, bodies.next(head + 1))
        await journal.append((draft,), expected=head, durable=False)
