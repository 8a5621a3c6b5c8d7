"""Writing a fact down: through the manager that owns the journal, or by owning it for that long."""

import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import click

from ...domain.erasure.events import EventRedacted
from ...domain.errors import JournalConflict, NotRedactable
from ...domain.events import Fact
from ...domain.kernel import step
from ...domain.registry import encode
from ...domain.state import State
from ...eventstore.intake.submissions import Positions, Statement
from ...eventstore.intake.submitting import Submitter
from ...eventstore.journal import Journal
from ...eventstore.reader import Reader
from ...eventstore.snapshots import SnapshotStore
from ...projections.history import to_draft
from ...projections.snapshots import restore
from .quick import DEFAULT, VARIABLE

Command = TypeVar("Command", bound=Callable[..., Any])


def writing(command: Command) -> Command:
    """The options that every writing command has: `--journal`, `--yes` and `--json`."""
    journal = click.option(
        "--journal",
        metavar="PATH",
        envvar=VARIABLE,
        default=DEFAULT,
        show_default=True,
        show_envvar=True,
        help="The journal to write to.",
    )
    sure = click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
    as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON and nothing else.")
    return journal(sure(as_json(command)))


def confirm(question: str, *, yes: bool) -> None:
    """Ask whoever sits there, unless they have said yes. Raises click.UsageError when nobody does."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("This cannot be undone and nobody is there to be asked; add --yes.")
    click.confirm(question, abort=True, err=True)


class Owned:
    """A journal that is ours for a moment, and the state it has come to."""

    def __init__(self, journal: Journal, reader: Reader, state: State) -> None:
        self.reader = reader
        self._journal = journal
        self._state = state

    def record(self, fact: Fact) -> int:
        """Take a step, as a manager would; its position, when it is on the disk itself."""
        taken = step(self._state, fact, at=time.time_ns(), actor=_actor())
        drafts = [to_draft(event) for event in taken.events]
        self._journal.append_now(drafts, expected=self._state.position)
        self._state = taken.state
        return taken.fact.position

    def redact(self, fact: EventRedacted, position: int) -> None:
        """Take the event's data out, now that the fact stands at a position."""
        self._journal.redact(fact.event, position)


class Reached:
    """A journal whose owner, a manager, writes for us."""

    def __init__(self, submitter: Submitter, reader: Reader) -> None:
        self.reader = reader
        self._submitter = submitter

    def record(self, fact: Fact) -> int:
        """Have the manager take the step; its position, when it is on the disk itself."""
        return submit(self._submitter, fact).first

    def redact(self, fact: EventRedacted, position: int) -> None:
        """Have the event's data taken out, which a manager does when it is told the fact, every time.

        Raises NotRedactable when the owner, which may be no manager, has not done it.
        """
        self.record(fact)
        record = self.reader.get(fact.event)
        if record is not None and record.data is not None:
            problem = f"the journal's owner has recorded it (#{position}) and not done it; start a manager"
            raise NotRedactable(position=fact.event, type=record.type, problem=problem)


Owner = Owned | Reached


@contextmanager
def owner_of(path: str) -> Generator[Owner]:
    """Whoever can write to a journal, for a block: ourselves, or the manager that owns it.

    Raises JournalUnusable when there is none (none is made), JournalConflict when another process owns it and
    does not listen to us, JournalCorrupt.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(Reader(path))
        try:
            journal = stack.enter_context(Journal.open(path))
        except JournalConflict:
            submitter = stack.enter_context(Submitter(path))
            submitter.connect()
            yield Reached(submitter, reader)
        else:
            yield Owned(journal, reader, restore(reader, SnapshotStore.beside(path)))


def submit(submitter: Submitter, fact: Fact) -> Positions:
    """Have the manager take the step; where the fact and what followed stand, now on the disk itself."""
    data = json.loads(encode(fact))
    statement = Statement(fact.kind, fact.name, fact.version, fact.subject(0), data)
    return submitter.submit([statement], actor=_actor(), durable=True)


def _actor() -> str:
    """Who sits there, as the system has it."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # nobody by name
        name = ""
    # A manager signs what it does itself with that name.
    return name if name not in {"", "bursar"} else str(os.getuid())
