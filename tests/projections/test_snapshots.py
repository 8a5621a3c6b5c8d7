"""Snapshots are a short cut to the state that folding gives, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.domain.copying import replace
from bursar.domain.state import STATE_VERSION
from bursar.eventstore.reader import Reader
from bursar.eventstore.snapshots import SnapshotStore
from bursar.projections.history import events, fold, state_to_json
from bursar.projections.snapshots import NAME, code_fingerprint, nearest, restore, save

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
