"""Snapshots: kept, found, and seen through when they are not what they say."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.eventstore.snapshots import Snapshot, SnapshotStore

from .helpers import fill


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    fill(tmp_path / "journal.db", 20)
    return tmp_path / "journal.db"


@pytest.fixture
def store(journal: Path) -> SnapshotStore:
    return SnapshotStore.beside(journal)


def files(journal: Path) -> list[Path]:
    return sorted(journal.with_name("journal.db.views").iterdir())


def test_the_newest_is_found_and_two_older_are_kept(store: SnapshotStore, journal: Path) -> None:
    assert store.load("state", 1, "code") is None
    for position in (2, 3, 9, 12):
        store.save("state", 1, "code", position, b"body %d" % position)
    assert store.load("state", 1, "code") == Snapshot(12, b"body 12")
    assert [file.name for file in files(journal)] == ["state@1.12", "state@1.3", "state@1.9"]
    assert stat.S_IMODE(files(journal)[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(files(journal)[0].parent.stat().st_mode) == 0o700


def test_names_and_versions_are_apart(store: SnapshotStore) -> None:
    store.save("state", 1, "code", 3, b"one")
    store.save("state", 2, "code", 4, b"two")
    store.save("state-of-models", 1, "code", 5, b"three")
    assert store.load("state", 1, "code") == Snapshot(3, b"one")
    assert store.load("state", 2, "code") == Snapshot(4, b"two")
    assert store.load("state", 3, "code") is None
    assert store.load("state-of-models", 1, "code") == Snapshot(5, b"three")


@pytest.mark.parametrize("name", ["", "../state", "State", "a@1", "a.b", "a/b", "x" * 65])
def test_a_name_that_could_be_a_path_is_refused(store: SnapshotStore, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a snapshot"):
        store.save(name, 1, "code", 3, b"")
    with pytest.raises(ValueError, match="cannot name a snapshot"):
        store.load(name, 1, "code")


def test_the_newest_up_to_a_position_is_found(store: SnapshotStore) -> None:
    for position in (3, 9, 12):
        store.save("state", 1, "code", position, b"body %d" % position)
    found = [store.load("state", 1, "code", until=until) for until in (2, 3, 11, 12, 99)]
    assert [snapshot and snapshot.position for snapshot in found] == [None, 3, 9, 12, 12]


def test_a_snapshot_of_other_code_is_for_those_only_who_do_not_mind(store: SnapshotStore) -> None:
    store.save("state", 1, "old code", 3, b"body")
    assert store.load("state", 1, "new code") is None
    assert store.load("state", 1, None) == Snapshot(3, b"body")


def test_nothing_is_kept_of_what_is_not_committed(store: SnapshotStore, journal: Path) -> None:
    store.save("state", 1, "code", 21, b"ahead")
    store.save("state", 1, "code", 0, b"before")
    assert not journal.with_name("journal.db.views").exists()


def test_a_snapshot_of_another_history_does_not_exist(store: SnapshotStore, journal: Path) -> None:
    store.save("state", 1, "code", 19, b"of this journal")
    store.save("state", 1, "code", 20, b"of this journal")
    for lost in ("journal.db", "journal.db.owner"):
        journal.with_name(lost).unlink()
    assert store.load("state", 1, "code") is None
    fill(journal, 10)
    assert store.load("state", 1, "code") is None
    fill(journal, 30, subjects=2)
    assert store.load("state", 1, "code") is None
    store.save("state", 1, "code", 15, b"of the new one")
    assert store.load("state", 1, "code") == Snapshot(15, b"of the new one")
    assert [file.name for file in files(journal)] == ["state@1.15"]


@given(data=st.data())
def test_a_snapshot_that_was_damaged_is_passed_over_for_the_one_before(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("views")
    store = SnapshotStore(folder, lambda position: bytes([position]) * 32)
    store.save("state", 1, "code", 7, b"older")
    store.save("state", 1, "code", 8, b"newer body")
    newest = folder / "state@1.8"
    content = bytearray(newest.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    newest.write_bytes(content)
    for fingerprint in ("code", None):
        assert store.load("state", 1, fingerprint) == Snapshot(7, b"older")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"null\n", b"[]\n", b"{}\n", b'{"sha256":1}\n', b"[" * 10**5 + b"\n"]
)
def test_a_file_of_anything_is_no_snapshot(store: SnapshotStore, journal: Path, content: bytes) -> None:
    folder = journal.with_name("journal.db.views")
    folder.mkdir()
    (folder / "state@1.5").write_bytes(content)
    (folder / "state@1.6").mkdir()
    (folder / "state@1.x").write_bytes(content)
    (folder / "state@1.7.tmp").write_bytes(content)
    assert store.load("state", 1, None) is None


def test_the_header_is_a_line_of_json(store: SnapshotStore, journal: Path) -> None:
    store.save("state", 1, "code", 5, b"\x00binary\n")
    header, body = files(journal)[0].read_bytes().split(b"\n", 1)
    assert body == b"\x00binary\n"
    assert json.loads(header).keys() == {"fingerprint", "leaf", "name", "position", "sha256", "version"}


def test_a_journal_that_is_gone_has_no_snapshots(store: SnapshotStore, journal: Path) -> None:
    store.save("state", 1, "code", 5, b"body")
    journal.unlink()
    assert store.load("state", 1, "code") is None
