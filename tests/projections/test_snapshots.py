"""Snapshots are a short cut to the state that folding gives, and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.domain.copying import replace
from bursar.domain.errors import JournalCorrupt
from bursar.domain.host.state import Totals
from bursar.domain.state import STATE_VERSION
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft
from bursar.eventstore.snapshots import SnapshotStore
from bursar.projections.history import events, fold, state_to_json
from bursar.projections.snapshots import NAME, code_fingerprint, event_ns, nearest, restore, restored, save

from .wandering import wander


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A journal in which some hundred things happened."""
    world = wander(tmp_path / "journal.db", seed=1)
    world.close()
    with Reader(tmp_path / "journal.db") as reader:
        yield reader


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore.beside(tmp_path / "journal.db")


def test_with_and_without_a_snapshot_the_state_is_the_same(reader: Reader, store: SnapshotStore) -> None:
    whole = fold(events(reader))
    assert restore(reader, store) == whole
    half = fold(events(reader, until=whole.position // 2))
    save(store, half)
    assert nearest(store, whole.position) == half
    assert restore(reader, store) == whole


def test_a_snapshot_is_what_the_fold_goes_on_from(reader: Reader, store: SnapshotStore) -> None:
    half = fold(events(reader, until=reader.head() // 2))
    marked = replace(half, totals=replace(half.totals, lost=4711))
    save(store, marked)
    assert restore(reader, store).totals.lost >= 4711


def test_what_other_rules_folded_is_not_trusted(reader: Reader, store: SnapshotStore) -> None:
    half = fold(events(reader, until=reader.head() // 2))
    store.save(NAME, STATE_VERSION, "other rules", half.position, state_to_json(half))
    assert nearest(store, reader.head()) is None
    assert restore(reader, store) == fold(events(reader))


def test_a_snapshot_that_is_no_state_is_passed_over(reader: Reader, store: SnapshotStore) -> None:
    store.save(NAME, STATE_VERSION, code_fingerprint(), reader.head() // 2, b'{"position": "nowhere"}')
    assert restore(reader, store) == fold(events(reader))


def test_a_snapshot_from_which_the_tail_does_not_follow_is_passed_over(
    reader: Reader, store: SnapshotStore
) -> None:
    half = fold(events(reader, until=reader.head() // 2))
    save(store, replace(half, models={}, requests={}, plans={}))
    assert restore(reader, store) == fold(events(reader))


def test_a_snapshot_after_the_wanted_position_is_of_no_use(reader: Reader, store: SnapshotStore) -> None:
    half = fold(events(reader, until=reader.head() // 2))
    save(store, half)
    assert nearest(store, half.position - 1) is None


def test_an_older_snapshot_is_taken_where_the_newest_is_too_late(
    reader: Reader, store: SnapshotStore
) -> None:
    for position in (40, 80, 120):
        save(store, fold(events(reader, until=position)))
    assert [found and found.position for found in (nearest(store, at) for at in (39, 40, 119, 120))] == [
        None, 40, 80, 120,
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["flipped", "cut off", "empty", "of another journal", "ahead"])
def test_a_snapshot_never_decides(damage: str, reader: Reader, store: SnapshotStore, tmp_path: Path) -> None:
    """Whatever became of it, the state is that of the journal folded from its first event."""
    whole = fold(events(reader))
    half = replace(fold(events(reader, until=reader.head() // 2)), freeing=None, totals=Totals(lost=4711))
    if damage == "of another journal":
        wander(tmp_path / "other.db", seed=1).close()
        save(SnapshotStore.beside(tmp_path / "other.db"), half)
        shutil.copytree(tmp_path / "other.db.views", tmp_path / "journal.db.views")
    elif damage == "ahead":
        SnapshotStore(tmp_path / "journal.db.views", lambda _position: b"leaf" * 8).save(
            NAME, STATE_VERSION, code_fingerprint(), reader.head() + 5, state_to_json(half)
        )
    else:
        save(store, half)
    (file,) = (tmp_path / "journal.db.views").iterdir()
    content = file.read_bytes()
    if damage == "flipped":
        file.write_bytes(content.replace(b"4711", b"4712"))
    elif damage == "cut off":
        file.write_bytes(content[:-100])
    elif damage == "empty":
        file.write_bytes(b"")
    found = restored(reader, store)
    assert (found.state, found.snapshot) == (whole, 0)


def test_a_fold_says_what_it_took(reader: Reader, store: SnapshotStore) -> None:
    found = restored(reader, store)
    assert found.event_ns is not None and found.event_ns > 0
    save(store, fold(events(reader, until=reader.head() - 5)))
    again = restored(reader, store)
    assert (again.state, again.snapshot, again.event_ns) == (found.state, reader.head() - 5, None)


def test_the_cost_of_folding_on_is_measured_where_there_is_enough(reader: Reader) -> None:
    assert event_ns(reader, fold([])) or 0 > 0
    assert event_ns(reader, fold(events(reader))) is None
    assert event_ns(reader, replace(fold([]), position=20)) is None, "it cannot be folded from there"


def test_a_journal_that_cannot_be_folded_is_said_to_be_damaged(tmp_path: Path) -> None:
    world = wander(tmp_path / "journal.db", seed=1, until=30)
    world.write()
    position = world.journal.head + 1
    draft = Draft("fact", "ModelTeleported", 1, "host", world.now, None, position, "bursar", "{}")
    world.journal.append_now([draft], expected=position - 1)
    world.close()
    with (
        Reader(tmp_path / "journal.db") as reader,
        pytest.raises(JournalCorrupt, match="UnknownEvent: ModelTeleported version 1"),
    ):
        restore(reader, SnapshotStore.beside(tmp_path / "journal.db"))
