"""`bursar redact`."""

import click

from ...domain.erasure.events import EventRedacted
from ...domain.erasure.redaction import obstacle
from ...domain.errors import NoSuchPosition, NotRedactable
from ...eventstore.reader import Reader
from ...eventstore.records import Record
from .output import emit
from .owning import Owner, confirm, owner_of, writing
from .pipes import write


@click.command()
@click.argument("position", type=click.IntRange(1))
@click.option("--reason", metavar="TEXT", required=True, help="Why, for the record.")
@click.option("--basis", metavar="TEXT", help="The legal ground, for the record.")
@writing
def redact(position: int, reason: str, basis: str | None, journal: str, yes: bool, as_json: bool) -> None:
    """Take the data out of an event, and write that down.

    What happened, when and about what stays; what the event says of it is gone, from the journal and not from
    its backups. Every proof still verifies. Events that the state is folded from cannot be redacted. A second
    call completes one that was interrupted, and otherwise does nothing.
    """
    fact = EventRedacted(event=position, because=reason, basis=basis)
    with owner_of(journal) as owner:
        record = _redactable(owner.reader, position)
        done = record.data is None
        if not done:
            confirm(f"Redact #{position}, {record.type} on {record.subject}? Nobody can undo it.", yes=yes)
        by = _recorded(owner, fact)
        if not done:
            owner.redact(fact, by)
    if as_json:
        emit({"position": position, "type": record.type, "by": by, "again": done})
    else:
        write(f"#{position} {record.type} {'was redacted before' if done else 'is redacted'} (#{by})")


def _redactable(reader: Reader, position: int) -> Record:
    """The event. Raises NoSuchPosition, NotRedactable."""
    record = reader.get(position)
    if record is None:
        raise NoSuchPosition(position=position, head=reader.head())
    problem = obstacle(record.type)
    if problem is not None:
        raise NotRedactable(position=position, type=record.type, problem=problem)
    return record


def _recorded(owner: Owner, fact: EventRedacted) -> int:
    """The position of the event that says so, which a call that was interrupted may have written.

    It comes before the redaction, which names it: gone without a word is what must not happen.
    """
    last = owner.reader.last(fact.subject(0))
    return last.position if last is not None else owner.record(fact)
