"""What is forgotten is gone from every file, whatever happens meanwhile."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import BodiesUnusable, BodyForgotten, NoSuchSubject
from bursar.eventstore.bodies.store import BodyStore

from .texts import CANARY, files_with, killed_before, message, sql

MANY = [f"{CANARY} {message(seed)}" for seed in range(300)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def secrets_of(store: BodyStore, journal: Path, subject: str) -> list[bytes]:
    """All that lies in files for a subject, and its keys as they never should."""
    id_ = store._keys.id_of(subject)  # pyright: ignore[reportPrivateUsage]  # only who has the keys knows
    ((owner, wrapped),) = sql(f"{journal}.keys.db", "SELECT owner, keys FROM subject WHERE id = ?", id_)
    found = sql(f"{journal}.blobs.db", "SELECT body FROM blob WHERE owner = ?", owner)
    found += sql(f"{journal}.blobs.db", "SELECT substr(body, 1, 40) FROM dictionary WHERE owner = ?", owner)
    return [wrapped, *(body for (body,) in found)]


def test_nothing_is_ever_in_plain_and_nothing_is_left(journal: Path, tmp_path: Path) -> None:
    with BodyStore.open(journal) as store:
        ann = store.put_many("ann", [CANARY, *MANY])
        assert store.train("ann")
        ann += store.put_many("ann", [f"later {text}" for text in MANY])
        bob = store.put("bob", CANARY)
        hidden = secrets_of(store, journal, "ann")
        assert len(hidden) == 603
        for one in (hidden[0], hidden[1], hidden[-1], hidden[-2]):
            assert files_with(tmp_path, one) != []
        assert files_with(tmp_path, CANARY.encode(), CANARY.encode()[:16], b"ann") == []
        done = store.forget("ann")
        assert (done.bodies, done.recorded) == (601, None)
        assert files_with(tmp_path, CANARY.encode(), *hidden) == []
        assert Path(f"{journal}.blobs.db-wal").stat().st_size == 0
        for address in ann[:2]:
            with pytest.raises(BodyForgotten, match=f"no body {address} any more: its subject was forgotten"):
                store.get("ann", address)
        assert store.get("bob", bob) == CANARY.encode()
    assert files_with(tmp_path, CANARY.encode(), *hidden) == []


def test_keys_of_some_of_many_subjects_are_gone_from_every_page(journal: Path, tmp_path: Path) -> None:
    """SQLite moves rows between pages when others go, and what is left behind must be overwritten, too."""
    with BodyStore.open(journal) as store:
        names = [f"user {number}" for number in range(45)]
        addresses = {name: store.put(name, f"{CANARY} of {name}") for name in names}
        gone = names[::3] + names[1::3]
        hidden = [secrets_of(store, journal, name)[0] for name in gone]
        for name in gone:
            store.forget(name)
        assert files_with(tmp_path, *hidden) == []
        for name in names[2::3]:
            assert store.get(name, addresses[name]).decode() == f"{CANARY} of {name}"


def test_forgetting_again_does_nothing_and_says_the_same(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        store.put("ann", CANARY)
        first = store.forget("ann")
        assert store.forget("ann") == first
        store.recorded("ann", 17)
        assert store.forget("ann") == first._replace(recorded=17)


def test_who_was_never_there_cannot_be_forgotten(journal: Path) -> None:
    with (
        BodyStore.open(journal) as store,
        pytest.raises(NoSuchSubject, match="no bodies of 'ann' and never were"),
    ):
        store.forget("ann")


def test_who_comes_back_gets_new_keys(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        before = store.put("ann", CANARY)
        first = store.forget("ann")
        store.recorded("ann", 17)
        after = store.put("ann", CANARY)
        assert after != before
        assert store.get("ann", after) == CANARY.encode()
        with pytest.raises(BodyForgotten):
            store.get("ann", before)
        second = store.forget("ann")
        assert (second.id, second.bodies, second.recorded) == (first.id, 1, None)
        assert second.at > first.at


def test_who_holds_keys_in_memory_writes_nothing_under_destroyed_ones(journal: Path) -> None:
    with BodyStore.open(journal) as here, BodyStore.open(journal) as there:
        before = here.put("ann", CANARY)
        assert there.get("ann", before) == CANARY.encode()
        there.forget("ann")
        after = here.put("ann", CANARY)
        assert after != before
        assert there.get("ann", after) == CANARY.encode()
        with pytest.raises(BodyForgotten):
            here.get("ann", before)


def test_the_name_of_a_subject_stands_nowhere(journal: Path, tmp_path: Path) -> None:
    with BodyStore.open(journal) as store:
        store.put("ada.lovelace@example.org", CANARY)
        store.forget("ada.lovelace@example.org")
        store.put("ada.lovelace@example.org", CANARY)
    assert files_with(tmp_path, b"lovelace") == []


def test_a_reader_of_the_log_holds_up_its_emptying_and_not_the_destruction(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        address = store.put("ann", CANARY)
        store._connection.set_busy_timeout(0)  # pyright: ignore[reportPrivateUsage]  # spares five seconds
        reader = apsw.Connection(f"{journal}.blobs.db")
        reader.execute("BEGIN; SELECT * FROM blob").fetchall()
        with pytest.raises(BodiesUnusable, match="the keys are destroyed, but somebody is reading the log"):
            store.forget("ann")
        with pytest.raises(BodyForgotten):
            store.get("ann", address)
        reader.close()
        assert store.forget("ann").bodies == 1
        assert Path(f"{journal}.blobs.db-wal").stat().st_size == 0


def test_keys_are_destroyed_even_where_the_bodies_cannot_be_read(journal: Path, tmp_path: Path) -> None:
    with BodyStore.open(journal) as store:
        store.put_many("ann", MANY)
        wrapped = secrets_of(store, journal, "ann")[0]
    blobs = Path(f"{journal}.blobs.db")
    content = blobs.read_bytes()
    blobs.write_bytes(content[:8192] + bytes(len(content) - 8192))
    with BodyStore.open(journal) as store:
        with pytest.raises(BodiesUnusable):
            store.forget("ann")
        assert files_with(tmp_path, wrapped) == []


def test_a_kill_before_any_statement_leaves_what_the_next_call_completes(
    journal: Path, tmp_path: Path
) -> None:
    """Before the keys are destroyed nothing has happened; from then on the bodies are unreadable."""

    def forget(begin: Callable[[], None]) -> None:
        with BodyStore.open(journal) as store:
            begin()
            store.forget("ann")

    outcomes: list[bool] = []
    statement, killed = 0, True
    while killed:
        statement += 1
        with BodyStore.open(journal) as store:
            address = store.put("ann", CANARY)
            hidden = secrets_of(store, journal, "ann")
        killed = killed_before(statement, forget)
        with BodyStore.open(journal) as store:
            try:
                outcomes.append(store.get("ann", address) == CANARY.encode())
            except BodyForgotten:
                outcomes.append(False)
            assert store.forget("ann").bodies == 1
            store.recorded("ann", statement)
            assert files_with(tmp_path, *hidden) == []
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes.count(False) >= 3
