"""Drafts and journals for the tests of this folder, and programs that run beside them."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft, Kind

ROOT = Path(__file__).parents[2]


def draft(
    position: int,
    *,
    kind: Kind = "fact",
    type_: str = "Sampled",
    subject: str = "host",
    at: int | None = None,
    cause: int | None = None,
    correlation: int | None = None,
    data: str | None = None,
) -> Draft:
    """An event for a position; its time is a thousand nanoseconds for each position, unless given."""
    return Draft(
        kind=kind,
        type=type_,
        version=1,
        subject=subject,
        at=1000 * position if at is None else at,
        cause=cause,
        correlation=position if correlation is None else correlation,
        actor="bursar",
        data=f'{{"n":{position}}}' if data is None else data,
    )


def step(head: int, decisions: int = 2) -> list[Draft]:
    """A fact and the decisions it led to, for after `head`."""
    fact = head + 1
    followed = (
        draft(fact + n, kind="decision", subject=f"model/{n}", cause=fact, correlation=fact)
        for n in range(1, decisions + 1)
    )
    return [draft(fact), *followed]


def fill(path: Path, events: int, *, subjects: int = 3) -> None:
    """Make a journal of single facts, or add to it."""
    with Journal.open(path) as journal:
        batch = [
            draft(position, subject=f"model/{position % subjects}", data=marked(position))
            for position in range(journal.head + 1, journal.head + 1 + events)
        ]
        journal.append_now(batch, expected=journal.head)


def marked(position: int) -> str:
    """Data that can be found in a file: `{"mark":"<000017>xxx…"}`."""
    return f'{{"mark":"<{position:06}>{"x" * 150}"}}'


def append_soon(journal: Journal, *, durable: bool = False, subject: str = "host") -> "asyncio.Future[int]":
    """Append one fact at the head."""
    here = journal.head
    return journal.append([draft(here + 1, subject=subject)], expected=here, durable=durable)


def commits(path: Path) -> int:
    """Commits in the log: its frames that state the size of the database, as SQLite's file format has it."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    salt = log[16:24]
    frames = (log[at : at + 24] for at in range(32, len(log), 24 + page))
    return sum(frame[8:16] == salt and frame[4:8] != bytes(4) for frame in frames)


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a Python program in another process; its output is lines of text."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def line(process: subprocess.Popen[str]) -> str:
    """The next line the process writes; empty when it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
