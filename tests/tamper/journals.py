"""Journals with checkpoints, their keys, and what of them can be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.notary import Notary
from bursar.eventstore.proof.signing import SigningKey
from bursar.eventstore.proof.verify import Report
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft, Record

KEY = SigningKey("bursar/test", bytes(range(32)))


class Content(NamedTuple):
    """All that a reader can be asked."""

    events: list[Record]
    leaves: list[bytes]
    one_by_one: list[Record | None]
    by_subject: dict[str, list[Record]]
    last: dict[str, Record | None]
    times: list[int]


def checkpointed(path: Path, batches: Sequence[int] = (3, 4), *, redacted: int | None = None) -> None:
    """A journal with a checkpoint behind each of these batches; the last event may redact another."""
    with Journal.open(path, clock_ns=lambda: 7) as journal:
        notary = Notary(journal, KEY)
        for size in batches:
            here = journal.head
            batch = [varied(here + n) for n in range(1, size + 1)]
            if redacted is not None and here + size == sum(batches):
                batch[-1] = batch[-1]._replace(type="EventRedacted", data=f'{{"event":{redacted}}}')
            journal.append_now(batch, expected=here)
            if redacted is not None and journal.head == sum(batches):
                journal.redact(redacted, journal.head)
            notary.sign()


def varied(position: int) -> Draft:
    """An event in which hardly a byte is like that of another."""
    fact = position % 3 == 1
    return Draft(
        kind="fact" if fact else "decision",
        type=("Arrived", "Loaded", "Läuft")[position % 3],
        version=1 + position % 2,
        subject=f"model/{position % 4}",
        at=1_700_000_000_000_000_000 + position,
        cause=None if fact else position - 1,
        correlation=position if fact else max(1, position - 2),
        actor=f"user-{position}",
        data=f'{{"n":{position},"text":"<{position:06}> größer"}}',
    )


def everything(path: Path, events: int) -> Content:
    """Read a journal of so many events in every way. Raises what the reader does."""
    with Reader(path) as reader:
        subjects = reader.subjects()
        return Content(
            events=list(reader.read()),
            leaves=list(reader.leaves()),
            one_by_one=[reader.get(position) for position in range(events + 2)],
            by_subject={subject: list(reader.read(subject=subject)) for subject in subjects},
            last={subject: reader.last(subject) for subject in subjects},
            times=[reader.position_at(1_700_000_000_000_000_000 + n) for n in (0, events // 2, events + 1)],
        )


def changed(before: Content, after: Content) -> set[int]:
    """Positions at which something else is read than was."""
    then, now = ({event.position: event for event in found.events} for found in (before, after))
    differ = {position for position in then.keys() | now.keys() if then.get(position) != now.get(position)}
    singly = enumerate(zip(before.one_by_one, after.one_by_one, strict=True))
    leaves = enumerate(zip(before.leaves, after.leaves, strict=False), start=1)
    pairs = [*singly, *(leaves if len(before.leaves) == len(after.leaves) else ())]
    return differ | {position for position, (one, other) in pairs if one != other}


def covers(report: Report, position: int) -> bool:
    """Whether a problem is said to be there."""
    return any(problem.position <= position <= problem.until for problem in report.problems)
