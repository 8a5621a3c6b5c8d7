"""The index: whoever asks gets what a scan gives, wherever the index stands and whatever becomes of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft, Record
from bursar.eventstore.views import index
from bursar.eventstore.views.files import Files
from bursar.eventstore.views.index import INDEX, IndexedReader
from bursar.eventstore.views.upkeep import Upkeep
from bursar.projections.why import why

from ..eventstore.helpers import draft
from ..projections.world import evicting

HEAD = 3000


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look it up however short the stretch and however common the type."""
    monkeypatch.setattr(index, "_FEW", 0)
    monkeypatch.setattr(index, "_SPARSE", 0)


def _drafts() -> list[Draft]:
    """Flows of up to ten events that overlap, each caused by an earlier one of its flow or by none."""
    random = Random(7)
    flows: list[list[int]] = []
    drafts: list[Draft] = []
    for n in range(1, HEAD + 1):
        flow = random.choice(flows[-4:]) if flows and random.random() < 0.9 else []
        if not flow:
            flows.append(flow)
        drafts.append(
            draft(
                n,
                type_=f"T{random.randrange(6) if random.random() < 0.9 else 6 + n // 500}",
                subject=f"model/{random.randrange(5)}",
                cause=random.choice(flow) if flow else None,
                correlation=flow[0] if flow else n,
            )
        )
        flow.append(n)
        if len(flow) >= 10:
            flows.remove(flow)
    return drafts


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal that grows an index while it is asked."""
    path = tmp_path_factory.mktemp("index") / "journal.db"
    with Journal.open(path) as journal:
        journal.append_now(_drafts(), expected=0)
    return path


@given(
    more=st.sampled_from([0, 0, 0, 1, 200]),
    after=st.integers(0, HEAD + 10),
    until=st.none() | st.integers(0, HEAD + 10),
    types=st.none() | st.sets(st.sampled_from([*(f"T{n}" for n in range(13)), "'"])),
    subject=st.none() | st.sampled_from(["model/0", "model/9"]),
    correlation=st.none() | st.integers(1, HEAD),
    limit=st.none() | st.integers(0, 700),
    cause=st.integers(1, HEAD),
)
@settings(max_examples=100)
def test_it_gives_what_a_scan_gives(journal: Path, more: int, cause: int, **asked: Any) -> None:
    with (
        Upkeep(journal, INDEX, batch=77) as upkeep,
        Reader(journal) as plain,
        IndexedReader(journal) as indexed,
    ):
        upkeep.catch_up(upkeep.catch_up(0) + more)
        assert list(indexed.read(**asked)) == list(plain.read(**asked))
        caused = [record for record in plain.read(after=cause) if record.cause == cause]
        assert list(indexed.caused_by(cause)) == caused


def _spoil(path: Path) -> None:
    live = Files.beside(path, INDEX.name, INDEX.version)
    Path(live.path(live.live())).write_bytes(b"garbage" * 4000)


def _remove(path: Path) -> None:
    Files.beside(path, INDEX.name, INDEX.version).remove()


def _rebuild(path: Path) -> None:
    with Upkeep(path, INDEX) as upkeep:
        upkeep.rebuild()


@pytest.mark.parametrize("disturb", [_spoil, _remove, _rebuild])
def test_what_becomes_of_it_meanwhile_changes_nothing(tmp_path: Path, disturb: Any) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        journal.append_now(_drafts(), expected=0)
    with Upkeep(path, INDEX) as upkeep:
        upkeep.catch_up(HEAD - 100)
    with Reader(path) as plain, IndexedReader(path) as indexed:
        wanted = list(plain.read(types=["T1", "T2"]))
        reading = indexed.read(types=["T1", "T2"])
        found = [next(reading) for _ in range(20)]
        disturb(path)
        assert [record.position for record in indexed.read(types=["T7"])] == [
            record.position for record in plain.read(types=["T7"])
        ]
        assert found + list(reading) == wanted


def test_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is rare is found without reading the rest."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        journal.append_now(_drafts(), expected=0)
    with Upkeep(path, INDEX) as upkeep:
        upkeep.catch_up()
    scanned: list[tuple[int, int | None]] = []

    def read(_self: Reader, after: int = 0, until: int | None = None, **_: Any) -> Iterator[Record]:
        scanned.append((after, until))
        return iter(())

    with IndexedReader(path) as reader:
        monkeypatch.setattr(Reader, "read", read)
        assert len(list(reader.read(types=["T7"]))) > 10
        assert [record.position for record in reader.read(correlation=1)][:1] == [1]
        assert set(scanned) == {(HEAD, HEAD)}
        scanned.clear()
        monkeypatch.setattr(index, "_SPARSE", 32)
        list(reader.read(types=["T1"]))
        assert scanned == [(0, HEAD)]


def test_explanations_are_the_same_with_it_and_without(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    world = evicting(path)
    world.close()
    with Upkeep(path, INDEX) as upkeep, Reader(path) as plain, IndexedReader(path) as indexed:
        head = plain.head()
        for known in (0, head // 2, head):
            upkeep.catch_up(known)
            for position in range(1, head + 1):
                assert why(indexed, position) == why(plain, position)


def test_its_tables_hold_nothing_that_was_said(tmp_path: Path) -> None:
    """So that nothing has to be forgotten in it."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        journal.append_now([draft(1, data=json.dumps({"secret": "canary"}))], expected=0)
    with Upkeep(path, INDEX) as upkeep:
        upkeep.catch_up()
    assert b"canary" not in Path(Files.beside(path, INDEX.name, INDEX.version).path(1)).read_bytes()
