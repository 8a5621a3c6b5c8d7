"""Journals for the tests of this folder, what is in them, and what becomes of them."""

from pathlib import Path

from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.notes import Checkpoint, origin
from bursar.eventstore.proof.signing import SigningKey
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Record

from ..eventstore.helpers import draft, marked

#: Signs the checkpoints of these tests.
KEY = SigningKey.generate("tests")
#: Calls a function with texts, and is killed when it is told of progress.
KILLED = """
import os, signal, sys
from importlib import import_module
module, _, name = sys.argv[1].partition(":")
getattr(import_module(module), name)(*sys.argv[2:], progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def append(journal: Journal, events: int) -> None:
    """Add facts with data that can be found in a file."""
    first = journal.head + 1
    batch = [draft(n, subject=f"model/{n % 7}", data=marked(n)) for n in range(first, first + events)]
    journal.append_now(batch, expected=journal.head)


def redact(journal: Journal, position: int) -> None:
    """Take the data out of an event, and say so in another."""
    said = draft(journal.head + 1, type_="EventRedacted", data=f'{{"event":{position}}}')
    journal.append_now([said], expected=journal.head)
    journal.redact(position, journal.head)


def sign(journal: Journal) -> str:
    """Write a signed checkpoint over all that is committed; returns the note."""
    tree = journal.tree()
    note = str(KEY.sign(Checkpoint(origin(journal.journal_id), tree.size, tree.root()).text()))
    journal.write_checkpoint(tree.size, note)
    return note


def written(path: Path, events: int) -> Path:
    """A journal of so many events, closed."""
    with Journal.open(path) as journal:
        append(journal, events)
    return path


def records(path: Path | str) -> list[Record]:
    """All events."""
    with Reader(path) as reader:
        return list(reader.read())


def names(folder: Path) -> list[str]:
    """What is in a folder, but for what SQLite keeps beside a database that is open."""
    return sorted(file.name for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm")))


def spoil(path: Path, before: bytes, after: bytes) -> None:
    """Change the first such bytes of a file."""
    content = path.read_bytes()
    assert before in content and len(before) == len(after)
    path.write_bytes(content.replace(before, after, 1))
