"""Crash points: a run, cut off at an operation of its disk, with some damage."""

import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import apsw

from bursar.eventstore import files
from bursar.eventstore.endings import Ended

from .damage import SURVIVED, wreck
from .disk import Disk, Do, Platter
from .examine import Found, examine
from .tally import Failure, Tally
from .truth import Truth
from .workload import Moment, Recording, draw, record

#: Operations before the crash that a failure is shown with.
_SHOWN = 12
#: What was told is on the disk itself after so long, in seconds.
_TICK_S = 0.25


@cache
def empty() -> bytes:
    """A journal as it is made, but for its id, which is the same every time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        files.create(str(path), 1)
        content = path.read_bytes()
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        rows: list[Any] = connection.execute("SELECT journal_id FROM journal").fetchall()
        connection.close()
    identity: bytes = rows[0][0]
    if content.count(identity) != 1:
        raise ValueError("the id of the journal is not to be found in its file")
    return content.replace(identity, bytes(range(16)))


def new_disk(seed: str) -> Disk:
    """A disk with an empty journal."""
    return Disk({"journal.db": empty()}, seed=seed)


def recorded(seed: str, appends: int = 60) -> Recording:
    """The run of a seed on a disk that keeps its word."""
    return record(new_disk(seed), Truth(), seed, draw(Random(f"{seed}/knobs"), appends))


def sweep(
    recording: Recording,
    seed: str,
    tally: Tally,
    *,
    only: Callable[[int], bool] = lambda _point: True,
    damages: tuple[str, ...] = SURVIVED,
    then: "Callable[[int, dict[str, bytearray], Found], None] | None" = None,
) -> None:
    """Cut a run off before each of its operations and after the last, and count what becomes of it.

    `then` is given each point's wreck and what was found in it.
    """
    tally.began(recording, seed)
    last = len(recording.moments) - 1
    for point, platter in _moments(recording, tally):
        if not only(point) and point != last:
            continue
        moment, random = recording.moments[point], Random(f"{seed}/{point}")
        damage = damages[point % len(damages)]
        left = wreck(platter, damage, random)
        histories = recording.lives[moment.life :: -1]
        found = examine(left, histories, promised=moment.promised, given=moment.given, random=random)
        tally.points += 1
        if found.head < moment.told and not found.violations:
            _lost(recording, moment, found, tally)
        if found.violations:
            ops = recording.disk.ops[max(0, point - _SHOWN) : point]
            tally.failures.append(Failure(seed, point, damage, tuple(found.violations), tuple(map(str, ops))))
        elif then is not None:
            then(point, left, found)


def sweep_twice(
    recording: Recording, seed: str, tally: Tally, second: Tally, only: Callable[[int], bool]
) -> None:
    """Cut the power, go on with what is left, and cut it again: also while it is being opened."""

    def again(point: int, left: "dict[str, bytearray]", found: Found) -> None:
        truth = found.truth
        if truth is None:
            return
        name = f"{seed}/{point}"
        disk = Disk({file: bytes(content) for file, content in left.items()}, seed=name)
        random = Random(f"{name}/knobs")
        following = record(disk, truth.until(found.head), name, draw(random, appends=8))
        sweep(following, name, second, only=lambda at: at < 12 or at % 5 == 0)

    sweep(recording, seed, tally, only=only, then=again)


def _moments(recording: Recording, tally: Tally) -> Iterator[tuple[int, Platter]]:
    """Each point with the disk as it is there."""
    platter = Platter(recording.disk.before)
    started, syncing = 0, 0
    for point in range(len(recording.moments)):
        if point:
            op = recording.disk.ops[point - 1]
            platter.follow(op)
            syncing += (op.do is Do.SYNC) - (op.do in (Do.SYNCED, Do.DROPPED))
            started += op.do is Do.WRITE and op.offset == 0 and op.name.endswith("-wal")
            if op.name == "journal.db" and op.do is Do.WRITE:
                tally.seen["in the middle of a checkpoint"] += 1
        if syncing:
            tally.seen["while a sync was under way"] += 1
        if started > 1:
            tally.seen["after the log had started over"] += 1
        yield point, platter


def _lost(recording: Recording, moment: Moment, found: Found, tally: Tally) -> None:
    """Count the ordinary events that somebody had been told of and that are gone."""
    if found.opened is None or found.opened.ended is not Ended.CUT_OFF:
        found.violations.append(f"lost events, and said {found.opened}")
    count = moment.told - found.head
    tally.lossy += 1
    tally.lost += count
    tally.lost_most = max(tally.lost_most, count)
    if recording.disk.faulty:
        return
    positions = [position for _, position in recording.committed_s]
    at_s = recording.committed_s[bisect_right(positions, found.head)][0]
    tally.lost_s = max(tally.lost_s, moment.at_s - at_s)
    if moment.at_s - at_s > _TICK_S:
        found.violations.append(f"lost: position {found.head + 1} was {moment.at_s - at_s:.3f} s old")
