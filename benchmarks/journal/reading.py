"""Reading a long journal: replay beside the least it could take, verifying, and opening from a snapshot."""

import json
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import apsw

from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import COLUMNS, Draft, Leaf
from bursar.eventstore.snapshots import SnapshotStore
from bursar.projections.replay import state_at
from bursar.projections.snapshots import code_fingerprint, restore, save

from . import workload
from .figures import Figure, alternate, beside, limited
from .projection import BOARD, FOLDS, Board

#: Positions of a perfect subtree: batches of this many are as fast as it gets.
_BATCH = 2048
_ALL = f"SELECT {COLUMNS}, {', '.join(Leaf._fields)} FROM event ORDER BY position"  # noqa: S608 - our own names
_TYPE_AND_DATA = "SELECT type, data FROM event WHERE position <= ? ORDER BY position"


@contextmanager
def long_journal(length: int) -> Generator[Path]:
    """A journal of that many events, closed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        with Journal.open(path) as journal:
            for batch in batches(workload.history(length), _BATCH):
                journal.append_now(batch, expected=journal.head)
        yield path


def batches(drafts: Iterator[Draft], size: int) -> Iterator[list[Draft]]:
    """Cut them into pieces."""
    while batch := list(islice(drafts, size)):
        yield batch


def measure_replay(path: Path, rounds: int, length: int) -> list[Figure]:
    """Fold the first events into ten types' read model, beside the raw SELECT and the fold of ready dicts."""
    ready = _ready(path, length)
    boards: dict[str, Board] = {}

    def ours() -> float:
        board = boards["ours"] = Board()
        with closing(Reader(path)) as reader:
            started = perf_counter()
            BOARD.fold(board, reader, until=length)
            return length / (perf_counter() - started)

    def floor() -> float:
        board = boards["floor"] = Board()
        with closing(_connection(path)) as connection:
            started = perf_counter()
            for _row in connection.execute(_TYPE_AND_DATA, (length,)):
                pass
            for position, at, name, fields in ready:
                step = FOLDS.get(name)
                if step is not None:
                    step(board, position, at, fields)
            return length / (perf_counter() - started)

    rounds_of = alternate(rounds, {"ours": ours, "floor": floor})
    assert boards["ours"].values() == boards["floor"].values()
    return [
        beside(
            "replay of ten types, floor: SELECT + fold",
            rounds_of,
            "ours",
            "floor",
            "ev/s",
            must=0.45,
            goal=0.55,
        )
    ]


def _ready(path: Path, length: int) -> list[tuple[int, int, str, Any]]:
    with closing(Reader(path)) as reader:
        return [
            (record.position, record.at, record.type, json.loads(record.data or "null"))
            for record in reader.read(until=length)
        ]


def measure_verify(path: Path, rounds: int, length: int) -> list[Figure]:
    """Check everything, beside reading the same columns of the same rows and nothing else."""

    def checked(processes: int | None) -> Callable[[], float]:
        def run() -> float:
            started = perf_counter()
            report = check(path, processes=processes)
            elapsed = perf_counter() - started
            assert (report.ok, report.size) == (True, length), report.problems
            return length / elapsed

        return run

    def raw() -> float:
        with closing(_connection(path)) as connection:
            started = perf_counter()
            read = sum(1 for _ in connection.execute(_ALL))
            assert read == length
            return length / (perf_counter() - started)

    found = alternate(rounds, {"ours": checked(None), "raw": raw})
    alone = alternate(1, {"ours": checked(1), "raw": raw})
    what = f"verify {length:,} events"
    return [
        beside(f"{what}, all of it, beside raw SELECT", found, "ours", "raw", "ev/s", must=0.33),
        beside(f"{what}; in one process", alone, "ours", "raw", "ev/s"),
    ]


def measure_opening(path: Path, rounds: int, length: int) -> list[Figure]:
    """Open the journal and come to its state: from a snapshot at 99 %, and from the first event."""
    store = SnapshotStore.beside(path)
    with closing(Reader(path)) as reader:
        save(store, state_at(reader, length * 99 // 100))

    def opened(store: SnapshotStore) -> float:
        code_fingerprint.cache_clear()
        started = perf_counter()
        with Journal.open(path) as journal, closing(Reader(path)) as reader:
            state = restore(reader, store)
            elapsed = perf_counter() - started
            assert state.position == journal.head == length
            return 1 / elapsed

    with tempfile.TemporaryDirectory() as folder:
        empty = SnapshotStore(folder, lambda _position: None)
        found = alternate(rounds, {"snapshot": lambda: opened(store), "fold": lambda: opened(empty)})
    what = f"open {length:,} events from a snapshot, beside folding"
    return [beside(what, found, "snapshot", "fold", "/s", must=50)]


def measure_log(batch_count: int) -> list[Figure]:
    """Bytes of log for each small event, in batches of a hundred that nobody checkpoints meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        with Journal.open(path) as journal:
            drafts = [workload.small(position) for position in range(1, 100 * batch_count + 1)]
            for batch in batches(iter(drafts), 100):
                journal.append_now(batch, expected=journal.head)
            size = Path(f"{path}-wal").stat().st_size
            data = sum(len(draft.data) for draft in drafts) / len(drafts)
    what = f"log per event of {data:.0f} bytes, in batches of 100"
    return [limited(what, size / (100 * batch_count), 3000, "B")]


def _connection(path: Path) -> apsw.Connection:
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
