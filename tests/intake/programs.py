"""Programs that own a journal, or submit to its owner, each in a process of its own."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from bursar.eventstore.intake.submissions import Statement
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record

ROOT = Path(__file__).parents[2]

#: Owns the journal until its input ends, or until it kills itself: when a position is committed, and nobody
#: has been told so yet.
OWNER = """
import asyncio, os, signal, sys
from bursar.eventstore.intake.serving import serve_appends
from bursar.eventstore.journal import Journal

async def main():
    with Journal.open(sys.argv[1]) as journal:
        if len(sys.argv) > 2:
            dies_at = int(sys.argv[2])
            journal.listen(lambda position: position < dies_at or os.kill(os.getpid(), signal.SIGKILL))
        async with serve_appends(journal):
            print("owning", flush=True)
            await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""

#: Submits batches of three as fast as it can, each under its own id until it is answered, and says where each
#: came to stand. When it has lost its owner it says so and waits for a line before it goes on. It may kill
#: itself: when it has sent a batch, and before it is answered.
CLIENT = """
import os, signal, sys
from bursar.domain.errors import JournalNotOwned, SubmissionUnanswered
from bursar.eventstore.intake.submissions import Statement, Submission, to_line
from bursar.eventstore.intake.submitting import Submitter

path, name, batches, durable = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "durable"
dies_at = int(sys.argv[5]) if len(sys.argv) > 5 else batches
with Submitter(path) as submitter:
    for number in range(batches):
        batch = [Statement("fact", "Said", 1, f"client/{name}", {"n": 3 * number + k}) for k in range(3)]
        command = f"{name}/{number}"
        if number == dies_at:
            submitter._connected().sendall(to_line(Submission(command, name, batch, durable)))
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            try:
                at = submitter.submit(batch, actor=name, command=command, durable=durable)
            except (JournalNotOwned, SubmissionUnanswered):
                print("lost", flush=True)
                sys.stdin.readline()
            else:
                print(number, *at, flush=True)
                break
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a Python program in another process; its input and output are lines of text."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def own(path: Path, *, dies_at: int | None = None) -> subprocess.Popen[str]:
    """Start an owner that listens; it ends with `finish`, or kills itself."""
    owner = start(OWNER, path) if dies_at is None else start(OWNER, path, dies_at)
    assert line(owner) == "owning"
    return owner


def line(process: subprocess.Popen[str]) -> str:
    """The next line the process writes; empty when it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def finish(process: subprocess.Popen[str], last: str = "") -> str:
    """Write a last line to it, end its input and wait for its good end; returns what it still wrote."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(last)
    process.stdin.close()
    # Not `communicate`, which passes by what `line` has read ahead.
    written = process.stdout.read()
    assert process.wait() == 0
    return written


def recorded(path: Path) -> list[Record]:
    """Everything in the journal."""
    with Reader(path) as reader:
        return list(reader.read())


def said(number: int = 0, **other: Any) -> Statement:
    """An event to submit."""
    return Statement("fact", "Said", 1, "host", {"n": number})._replace(**other)


def connected(path: Path) -> socket.socket:
    """A connection to the owner of the journal, for who does not keep to what `Submitter` does."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect(f"{path}.sock")
    return connection


def all_of(connection: socket.socket) -> bytes:
    """All that comes until the other side hangs up, which it may do without reading all that was sent."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            received += piece
    return received
