"""A writer, readers that follow it and a backup, each a process of its own, as fast as each can.

`python -m tests.views.beside FOLDER SECONDS` tells how fast that was.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bursar.eventstore.following import Interest, follow
from bursar.eventstore.journal import Journal
from bursar.eventstore.keeping.backup import backup
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft
from bursar.eventstore.subscriptions import Subscription
from bursar.eventstore.views.index import INDEX
from bursar.eventstore.views.upkeep import Upkeep

from ..eventstore.helpers import ROOT, draft

_BATCH = 20
#: The writer says with it that nothing follows.
_LAST = "Ended"


class Figures(NamedTuple):
    """What they came to."""

    written: int
    #: Events a second.
    writing: float
    #: By reader: events seen, the first position that was not the expected one (0: none), events a second.
    readers: dict[str, tuple[int, int, float]]
    #: Last positions of the backups, which were checked.
    backups: list[int]


def write(path: str, seconds: float) -> None:
    """Append for so long; says how many events and how long."""

    async def main(journal: Journal) -> float:
        started = time.perf_counter()
        await journal.append(_batch(0), expected=0, durable=True)
        _say("started")
        while time.perf_counter() - started < seconds:
            waiting = [
                journal.append(_batch(journal.head), expected=journal.head, durable=False) for _ in range(10)
            ]
            await waiting[-1]
        here = journal.head
        await journal.append([draft(here + 1, type_=_LAST)], expected=here, durable=True)
        return time.perf_counter() - started

    with Journal.open(path) as journal:
        took = asyncio.run(main(journal))
        _say(f"{journal.committed} {took}")


def pull(path: str) -> None:
    """Follow with a thread that blocks."""
    seen = _Seen()
    for record in follow(path):
        if seen.take(record.position, record.type):
            return


def subscribe(path: str) -> None:
    """Follow on an event loop."""

    async def main() -> None:
        seen = _Seen()
        with closing(Subscription.beside(path)) as subscription:
            async for record in subscription:
                if seen.take(record.position, record.type):
                    return

    asyncio.run(main())


def pick(path: str) -> None:
    """Follow two types of three."""
    seen = _Seen(lambda position: position + 1 if position % 3 == 2 else position + 2)
    for record in follow(path, 1, Interest(types=("T0", "T2", _LAST))):
        if seen.take(record.position, record.type):
            return


def index(path: str) -> None:
    """Keep the index, as a manager does."""
    with Upkeep(path, INDEX) as upkeep, Reader(path) as reader:
        started = time.perf_counter()
        while True:
            position = upkeep.catch_up()
            last = reader.get(position)
            if last is not None and last.type == _LAST:
                _say(f"{position} 0 {position / (time.perf_counter() - started)}")
                return
            time.sleep(0.02)


READERS: dict[str, Callable[[str], None]] = {
    "pull": pull,
    "subscribe": subscribe,
    "pick": pick,
    "index": index,
}


class _Seen:
    """What a reader has seen; says so at the end."""

    def __init__(self, following: Callable[[int], int] = lambda position: position + 1) -> None:
        self._following = following
        self._expected = 0
        self._number = 0
        self._wrong = 0
        self._started = time.perf_counter()

    def take(self, position: int, type_: str) -> bool:
        """Take the next event; whether it was the last."""
        if self._expected and position != self._expected and type_ != _LAST:
            self._wrong = self._wrong or position
        self._expected = self._following(position)
        self._number += 1
        if type_ == _LAST:
            rate = self._number / (time.perf_counter() - self._started)
            _say(f"{self._number} {self._wrong} {rate}")
        return type_ == _LAST


def run(folder: Path, seconds: float) -> Figures:
    """Have them all at it, and a backup after the other in this process."""
    path = folder / "journal.db"
    writer = _start("write", path, seconds)
    assert _told(writer) == ["started"]
    readers = {name: _start(name, path) for name in READERS}
    backups: list[int] = []
    while writer.poll() is None:
        backups.append(backup(path, folder / "backup.db", replace=True).position)
    written, took = _told(writer)
    seen = {name: _told(reader) for name, reader in readers.items()}
    for process in (writer, *readers.values()):
        with process:
            pass
        assert process.returncode == 0
    return Figures(
        written=int(written),
        writing=int(written) / float(took),
        readers={name: (int(one[0]), int(one[1]), float(one[2])) for name, one in seen.items()},
        backups=backups,
    )


def _batch(head: int) -> list[Draft]:
    return [draft(n, type_=f"T{n % 3}") for n in range(head + 1, head + 1 + _BATCH)]


def _start(role: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.views.beside", role, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _told(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], float(sys.argv[3]))
    elif sys.argv[1] in READERS:
        READERS[sys.argv[1]](sys.argv[2])
    else:
        _say(str(run(Path(sys.argv[1]), float(sys.argv[2]))))
