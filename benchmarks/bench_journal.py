"""Appending to the journal, beside a bare apsw loop that writes the same rows: no triggers, hashes, tasks.

    python benchmarks/bench_journal.py

Events are made beforehand on both sides; a client appends one at a time and waits until it is committed.
The two take turns, and the ratio is the median of the ratios of the turns, so it holds on a busy machine.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

import apsw

from bursar.eventstore.files import schema
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft

_EVENTS = 20_000
_TURNS = 7
_DATA = '{"text":"' + "x" * 489 + '"}'  # 500 bytes


def main() -> None:
    """Print a table: clients waiting at once, events per second bare and journaled, the ratio."""
    print(f"{'clients':>8} {'bare/s':>10} {'journal/s':>10} {'ratio':>6}")
    for clients in (1, 10, 100):
        turns = [_turn(clients) for _ in range(_TURNS)]
        bare, journal = median(turn[0] for turn in turns), median(turn[1] for turn in turns)
        ratio = median(journaled / plain for plain, journaled in turns)
        print(f"{clients:>8} {bare:>10,.0f} {journal:>10,.0f} {ratio:>6.2f}")


def _turn(clients: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        return _bare(Path(folder, "bare.db"), clients), asyncio.run(
            _journaled(Path(folder, "journal.db"), clients)
        )


def _bare(path: Path, batch: int) -> float:
    """Events per second of one thread that commits `batch` rows at a time, under NORMAL."""
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", 1)
    connection.execute(schema())
    for (trigger,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    rows = [
        (n, "fact", "Sampled", 1, f"model/{n % 100}", n // 100, n, None, n, "bursar", _DATA, bytes(32))
        for n in range(1, _EVENTS + 1)
    ]
    start = time.perf_counter()
    for first in range(0, _EVENTS, batch):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows[first : first + batch]
        )
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - start
    connection.close()
    return _EVENTS / elapsed


async def _journaled(path: Path, clients: int) -> float:
    """Events per second of `clients` tasks that each append one event and wait until it is committed."""
    with Journal.open(path) as journal:

        async def client(number: int) -> None:
            batch = [Draft("fact", "Sampled", 1, f"model/{number}", 1, None, 1, "bursar", _DATA)]
            for _ in range(_EVENTS // clients):
                await journal.append(batch, expected=journal.head, durable=False)

        start = time.perf_counter()
        await asyncio.gather(*map(client, range(clients)))
        return _EVENTS / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
