"""Open what is left of a journal, by the code that opens journals, and compare it with what must be there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import apsw

from bursar.domain.errors import BursarError
from bursar.eventstore.endings import Opened
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft

from .disk import Disk
from .storage import ReadStorage, SimulatedOwner, SimulatedStorage
from .truth import COMMANDS, EVENTS, Truth

#: Nobody's time stands still for so long.
_MUCH_LATER = 1 << 62


@dataclass(slots=True)
class Found:
    """What a journal turned out to hold."""

    head: int = -1
    violations: list[str] = field(default_factory=list[str])
    #: What it says of itself.
    opened: Opened | None = None
    #: The history it holds.
    truth: Truth | None = None


def examine(
    files: Mapping[str, bytes | bytearray],
    histories: "list[Truth]",
    *,
    promised: int,
    given: int,
    random: Random,
) -> Found:
    """Open it and compare it; and sometimes append to it, close it and open it again.

    It must hold one of the histories, up to a position not before `promised` and not after `given`.
    """
    found = Found()
    disk = Disk(files, seed=random.random())
    try:
        storage = ReadStorage(disk)
        try:
            _compare(storage, histories, promised, given, random, found)
        finally:
            storage.fence()
            storage.close(keep_log=True)
        if not found.violations and random.random() < 0.125:
            _append_close_and_open(disk, found.head, random)
    except (BursarError, apsw.Error, OSError, ValueError) as error:
        found.violations.append(f"will not open or go on: {type(error).__name__}: {error}")
    return found


def _compare(
    storage: SimulatedStorage, histories: list[Truth], promised: int, given: int, random: Random, found: Found
) -> None:
    journal = opened(storage, random)
    head, found.opened = journal.head, journal.opened
    found.head = head
    say = found.violations.append
    if head < promised:
        say(f"lost: ends at {head}, and {promised} was promised")
    if head > given:
        say(f"ends at {head}, and nothing after {given} was given out")
    read = storage.connection.execute
    rows = list(read(EVENTS, (0,)))
    truth = next((one for one in histories if one.head >= head and rows == one.rows[:head]), None)
    found.truth = truth
    if truth is None:
        nearest = histories[0]
        at = next(
            (n for n, (a, b) in enumerate(zip(rows, nearest.rows, strict=False)) if a != b), len(nearest.rows)
        )
        say(f"holds something else than was written, from position {at + 1} on")
        return
    if not truth.ends_at(head):
        say(f"torn: ends at {head}, in the middle of a batch")
    if journal.tree().root() != truth.frontier(head).root():
        say("the tree is another one")
    for size, root, frontier in read("SELECT size, root, frontier FROM root"):
        expected = truth.frontier(size) if size <= head else None
        if expected is None or (expected.root(), expected.packed()) != (root, frontier):
            say(f"the root of {size} is wrong")
    for size, note in read("SELECT size, note FROM checkpoint"):
        if size > head or note != f"note on {size}":
            say(f"the checkpoint of {size} is wrong")
    if list(read(COMMANDS, (0,))) != [row for row in truth.commands if row[3] <= head]:
        say("the commands are other ones")
    if random.random() < 0.125 and (sound := storage.connection.pragma("integrity_check")) != "ok":
        say(f"SQLite: {sound}")


def _append_close_and_open(disk: Disk, head: int, random: Random) -> None:
    """Raises what these do, ValueError when they forget."""
    journal = opened(SimulatedStorage(disk), random)
    here = journal.head
    batch = [
        Draft("fact", "After", 1, "host", _MUCH_LATER, None, head + 1 + n, "bursar", "{}")
        for n in range(random.randint(1, 3))
    ]
    last = journal.append_now(batch, expected=head, command="after")
    again = journal.append_now(batch, expected=last, command="after")
    journal.close()
    storage = SimulatedStorage(disk)
    journal = opened(storage, random)
    there = journal.head
    storage.fence()
    journal.abandon()
    if not (here == head and last == again == there == head + len(batch)):
        raise ValueError(f"opened at {here}, appended up to {last} and {again}, opened again at {there}")


def opened(storage: SimulatedStorage, random: Random) -> Journal:
    """The journal on a storage."""
    owner = SimulatedOwner(storage.disk)
    return Journal(storage.path, storage, owner, clock_ns=lambda: 1, entropy=random.randbytes)
