"""`bursar archive`."""

import time
from dataclasses import asdict

import click

from ...domain.errors import JournalConflict
from ...eventstore.keeping.archive import Segment, drop
from ...eventstore.keeping.archive import archive as write_segments
from ...eventstore.merkle import SEGMENT
from ...eventstore.reader import Reader
from ...projections.figures import columns, count, size
from .options import reading, time_of
from .output import emit, progress
from .pipes import write


@click.command()
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Leave the last N segments alone; the one being filled is one of them.",
)
@click.option("--before", metavar="TIME", help="Only segments whose events are all older.")
@click.option("--drop", "dropping", is_flag=True, help="Then take their events out of the journal.")
@reading
def archive(keep: int, before: str | None, dropping: bool, journal: str, as_json: bool) -> None:
    """Write full segments of 65,536 events to compressed files.

    They go to the folder JOURNAL.archive, as lines of JSON in zstd, and each file is checked against the
    journal. Every command reads dropped events from there, and every proof still holds. --drop checks all of
    the journal first, and needs one that nobody owns just now.
    """
    limit = None if before is None else time_of(before, time.time_ns())
    with Reader(journal) as reader:
        events, already = reader.head(), reader.segments_archived()
        if dropping and (pid := reader.owner_pid()) is not None:
            raise JournalConflict(path=reader.path, pid=pid)
    with progress("archiving", events - already * SEGMENT) as report:
        segments = write_segments(journal, keep=keep, before=limit, progress=report)
    if dropping and segments:
        with progress("checking", events) as report:
            drop(journal, segments, report)
    if as_json:
        emit({"segments": [asdict(segment) for segment in segments], "dropped": dropping and bool(segments)})
    else:
        write(_told(segments, dropping))


def _told(segments: list[Segment], dropped: bool) -> str:
    if not segments:
        return "No segment is full and old enough to be archived."
    rows = [("SEGMENT", "POSITIONS", "SIZE", "FILE")]
    for segment in segments:
        there = " (there already)" if segment.already else ""
        positions = f"{segment.first}–{segment.last}"
        rows.append((str(segment.segment), positions, size(segment.size_bytes), segment.file + there))
    if dropped:
        end = (
            f"{count(len(segments) * SEGMENT, 'event')} left the journal. Its file stays as large, and is "
            "filled again before it grows; `bursar backup` writes one without the free pages."
        )
    else:
        end = "They are in the journal as well; --drop takes them out of it."
    return "\n".join([*columns(rows), end])
