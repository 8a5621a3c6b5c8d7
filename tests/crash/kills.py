"""SIGKILLs of a real process that appends to a real file, and what is in the file each time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, Any

from bursar.eventstore.connections import connect_reading
from bursar.eventstore.merkle import Frontier
from bursar.eventstore.records import Leaf, Record
from bursar.eventstore.recovery import leaf_of

_ROOT = Path(__file__).parents[2]
#: Appends that are under way at any moment.
CLIENTS = 8

#: What is known of an event whose data is gone: it was a batch by itself.
_REDACTED = '{"command": null, "left": 0}'

#: Forks a writer for every line it reads, so that each starts in milliseconds; says when it is dead.
NURSERY = """
import os, sys
from tests.crash.writer import write

for line in sys.stdin:
    child = os.fork()
    if not child:
        os._exit(write(*line.split()))
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


@dataclass(slots=True)
class Kills:
    """What many kills came to."""

    kills: int = 0
    #: Batches that were acknowledged, and events in the journal in the end.
    acknowledged: int = 0
    events: int = 0
    #: Batches that a kill left unanswered, and of those the ones that were in the journal.
    unanswered: int = 0
    written: int = 0
    #: Events whose data was said to have been taken out.
    redacted: int = 0
    #: Kills that came while the journal was not open.
    between: int = 0
    violations: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.acknowledged:,} batches acknowledged, {self.events:,} events;"
            f" {self.unanswered:,} left unanswered, of which {self.written:,} were written and found again"
            f" by their ids; {self.redacted:,} events redacted; {len(self.violations)} violations"
            + "".join(f"\n  {violation}" for violation in self.violations[:5])
        )


def kill_many(path: Path, wanted: int, seed: int, done: Callable[[int], None]) -> Kills:
    """Kill so many writers at random moments, one after another, on one journal; check it after each."""
    random, kills, checks = Random(f"{seed}/kills"), Kills(), _Checks(path)
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-c", NURSERY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as nursery:
        assert nursery.stdin is not None and nursery.stdout is not None
        for number in range(wanted):
            following = " ".join(str(one) for one in checks.following())
            nursery.stdin.write(f"{path} {seed}/{number} {following}\n")
            nursery.stdin.flush()
            heard = _until_killed(nursery.stdout, random.choice((0, 1, 5, 20, 60)), random)
            kills.kills += 1
            checks.after(heard, kills)
            done(kills.kills)
        nursery.stdin.close()
    checks.at_last(kills)
    return kills


def _until_killed(lines: IO[str], acknowledgements: int, random: Random) -> list[list[str]]:
    """Hear so many acknowledgements of a new writer, kill it, and hear what it had said before."""
    heard: list[list[str]] = []
    pid, acknowledged = 0, 0
    for line in lines:
        if line == "dead\n":
            return heard
        words = line.split()
        heard.append(words)
        if words[0] == "pid":
            pid = int(words[1])
        acknowledged += words[0] == "ack"
        if pid and acknowledged >= acknowledgements:
            for _ in range(random.randrange(2_000)):  # somewhere in what it does next
                pass
            os.kill(pid, signal.SIGKILL)
            pid = 0
    raise RuntimeError("the nursery is dead")


class _Checks:
    """Follows the journal from kill to kill, reading only what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frontier = Frontier()
        #: Last batch of each client that was acknowledged.
        self._answered = [0] * CLIENTS
        #: Positions by the id of the batch.
        self._positions: dict[str, int] = {}
        self._found: dict[str, int] = {}
        #: Positions whose data was said to be gone.
        self._redacted: list[int] = []

    def following(self) -> Iterator[int]:
        """The number of the next batch of each client: one that was not answered is sent again."""
        return (number + 1 for number in self._answered)

    def after(self, heard: list[list[str]], kills: Kills) -> None:
        """Check the journal after a kill."""
        say = kills.violations.append
        sent = 0
        for words in heard:
            match words:
                case ["ack", command, at]:
                    kills.acknowledged += 1
                    sent -= 1
                    self._acknowledged(command, int(at), say)
                case ["sent", _]:
                    sent += 1
                case ["redacted", at]:
                    self._redacted.append(int(at))
                case ["opened", ended] if ended not in ("new", "killed", "closed"):
                    say(f"opened saying {ended}")
                case _:
                    pass
        kills.between += not any(words[0] == "opened" for words in heard)
        kills.unanswered += sent
        before = set(self._found)
        self._read(say)
        kills.written += len(self._found.keys() - before - self._positions.keys())
        for command, position in self._positions.items():
            if self._found.get(command) != position:
                say(f"batch {command} was acknowledged at {position} and is at {self._found.get(command)}")

    def at_last(self, kills: Kills) -> None:
        """Check that the whole is what its parts were."""
        kills.events, kills.redacted = self._frontier.size, len(self._redacted)
        tree, self._frontier = self._frontier, Frontier()
        self._read(kills.violations.append)
        if self._frontier.root() != tree.root():
            kills.violations.append("the tree is another one")
        connection = connect_reading(str(self._path))
        gone = "SELECT position FROM event WHERE data IS NULL"
        kept = set(self._redacted) - {position for (position,) in connection.execute(gone)}
        if kept:
            kills.violations.append(f"positions {sorted(kept)} were redacted and are there")
        (sound,) = connection.execute("PRAGMA integrity_check").fetchall()[0]
        (commands,) = connection.execute("SELECT count(*) FROM command").fetchall()[0]
        connection.close()
        if sound != "ok":
            kills.violations.append(f"SQLite: {sound}")
        if commands != len(self._found):
            kills.violations.append(f"{commands} commands for {len(self._found)} batches")

    def _acknowledged(self, command: str, position: int, say: Callable[[str], None]) -> None:
        client, number = map(int, command.split("-"))
        if self._positions.setdefault(command, position) != position:
            say(f"batch {command} was acknowledged at {self._positions[command]}, then at {position}")
        self._answered[client] = max(self._answered[client], number)

    def _read(self, say: Callable[[str], None]) -> None:
        """Read the events that are new, and the roots over them."""
        if not self._path.exists():
            return
        connection = connect_reading(str(self._path))
        columns = f"{', '.join(Record._fields)}, {', '.join(Leaf._fields)}"
        rows: list[Any] = connection.execute(
            f"SELECT {columns} FROM event WHERE position > ? ORDER BY position", (self._frontier.size,)
        ).fetchall()
        roots: list[Any] = connection.execute(
            "SELECT size, root FROM root WHERE size > ?", (self._frontier.size,)
        ).fetchall()
        commands = "SELECT id, last FROM command WHERE last > ?"
        found: list[Any] = connection.execute(commands, (self._frontier.size,)).fetchall()
        self._found.update(found)
        connection.close()
        left, written = 0, dict(roots)
        for *fields, salt, hashed, leaf in rows:
            record = Record._make(fields)
            said = json.loads(record.data or _REDACTED)
            if (
                record.position != self._frontier.size + 1
                or leaf_of(record, Leaf(salt, hashed, leaf)) != leaf
            ):
                say(f"position {record.position} is damaged")
            if left and left - 1 != said["left"]:
                say(f"torn before position {record.position}")
            left = said["left"]
            if not left and self._found.get(said["command"], record.position) != record.position:
                say(f"batch {said['command']} is there twice")
            self._frontier.extend((leaf,))
            if record.position in written and written[record.position] != self._frontier.root():
                say(f"the root of {record.position} is wrong")
        if left:
            say(f"torn after position {self._frontier.size}")
