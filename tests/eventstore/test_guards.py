"""The table's own rules, which hold for whoever writes to the file with SQLite's ordinary means."""

# Connections are nobody's business but their owners', and this is about them.
# pyright: reportPrivateUsage=false

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from bursar.eventstore.connections import Guard, connect_erasing
from bursar.eventstore.files import schema
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.storage import DiskStorage

from .helpers import draft, fill

COLUMNS = "kind, type, version, at, correlation, actor, data, salt, leaf, position, subject"
NEXT = "'fact', 'T', 1, 99999, 1, 'me', '{}', zeroblob(16), zeroblob(32)"
TABLES = ("journal", "event", "root", "checkpoint", "command", "redaction", "archive")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A connection that knows nothing of ours, to a journal of five events of three models."""
    with Journal.open(tmp_path / "journal.db") as journal:
        batch = [draft(position, subject=f"model/{position % 3}") for position in range(1, 6)]
        journal.append_now(batch, expected=0, command="c")
        journal.write_checkpoint(5, "a note")
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    yield connection
    connection.close()


def everything(connection: apsw.Connection) -> list[object]:
    return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE event SET data = '{}' WHERE position = 3", "append-only"),
        ("UPDATE event SET leaf = leaf", "append-only"),
        ("UPDATE OR REPLACE event SET position = 1 WHERE position = 3", "append-only"),
        ("DELETE FROM event", "append-only"),
        ("DELETE FROM event WHERE position = 5", "append-only"),
        ("UPDATE root SET at = 0", "append-only"),
        ("DELETE FROM root", "append-only"),
        ("UPDATE journal SET created_at = 0", "append-only"),
        ("DELETE FROM journal", "append-only"),
        ("INSERT INTO journal VALUES (randomblob(16), 1, 1)", "has its row"),
        ("INSERT OR REPLACE INTO journal VALUES (randomblob(16), 1, 1)", "has its row"),
        ("REPLACE INTO root VALUES (5, zeroblob(32), zeroblob(64), 1)", "or a later one"),
        ("INSERT INTO root VALUES (6, zeroblob(32), zeroblob(64), 1)", "not that of the journal"),
        ("UPDATE checkpoint SET note = ''", "append-only"),
        ("DELETE FROM checkpoint", "append-only"),
        ("REPLACE INTO checkpoint VALUES (5, 'other', 1)", "or a later one"),
        ("REPLACE INTO checkpoint VALUES (4, 'earlier', 1)", "or a later one"),
        ("UPDATE command SET last = 9", "append-only"),
        ("DELETE FROM command", "append-only"),
        ("REPLACE INTO command VALUES ('c', zeroblob(32), 1, 1)", "has been taken"),
        ("INSERT INTO redaction VALUES (1, 5)", "needs its event"),
        ("INSERT INTO archive VALUES (0, zeroblob(32), 'f', zeroblob(32))", "not the next segment"),
    ],
)
def test_nothing_is_changed_or_removed(other: apsw.Connection, statement: str, why: str) -> None:
    before = everything(other)
    with pytest.raises(apsw.ConstraintError, match=why):
        other.execute(statement)
    assert everything(other) == before


@pytest.mark.parametrize(
    ("verb", "upsert"),
    [
        ("INSERT", ""),
        ("REPLACE", ""),
        ("INSERT OR REPLACE", ""),
        ("INSERT OR IGNORE", ""),
        ("INSERT OR FAIL", ""),
        ("INSERT OR ROLLBACK", ""),
        ("INSERT", "ON CONFLICT DO UPDATE SET data = 'changed'"),
        ("INSERT", "ON CONFLICT (position) DO UPDATE SET data = 'changed'"),
        ("INSERT", "ON CONFLICT DO NOTHING"),
    ],
)
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("5, 'model/9'", "position is not the next"),
        ("1, 'model/9'", "position is not the next"),
        ("7, 'model/9'", "position is not the next"),
        ("0, 'model/9'", "position is not the next"),
        ("-1, 'model/9'", "position is not the next"),
        ("NULL, 'model/9'", "position is not the next"),
    ],
)
def test_a_row_has_no_place_but_the_next(
    other: apsw.Connection, verb: str, upsert: str, place: str, why: str
) -> None:
    before = everything(other)
    with pytest.raises(apsw.ConstraintError, match=why):
        other.execute(f"{verb} INTO event ({COLUMNS}) VALUES ({NEXT}, {place}) {upsert}")
    assert everything(other) == before


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (NEXT.replace("99999", "1"), "time goes backwards"),
        (NEXT.replace("'fact'", "'guess'"), "CHECK constraint failed: kind"),
        (NEXT.replace("99999, 1", "99999, 7"), "CHECK constraint failed: correlation"),
        (NEXT.replace("zeroblob(32)", "zeroblob(31)"), "CHECK constraint failed: length"),
        (NEXT.replace("'{}'", "x'7b7d'"), "cannot store BLOB value in TEXT"),
        (NEXT.replace("'T'", "NULL"), "NOT NULL"),
        (NEXT.replace("'{}'", "NULL"), "CHECK constraint failed"),
        (NEXT.replace("zeroblob(16)", "NULL"), "CHECK constraint failed"),
    ],
)
def test_a_row_keeps_the_rules_of_its_columns(other: apsw.Connection, values: str, why: str) -> None:
    before = everything(other)
    with pytest.raises(apsw.ConstraintError, match=why):
        other.execute(f"INSERT INTO event ({COLUMNS}) VALUES ({values}, 6, 'model/9')")
    assert everything(other) == before


def test_a_cause_is_earlier(other: apsw.Connection) -> None:
    with pytest.raises(apsw.ConstraintError, match="cause < position"):
        other.execute(f"INSERT INTO event (cause, {COLUMNS}) VALUES (6, {NEXT}, 6, 'model/9')")


def test_the_first_row_of_all_is_number_one() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(schema())
    for place in ("2, 'model/0'", "0, 'model/0'"):
        with pytest.raises(apsw.ConstraintError):
            connection.execute(f"INSERT INTO event ({COLUMNS}) VALUES ({NEXT}, {place})")
    connection.execute(f"INSERT INTO event ({COLUMNS}) VALUES ({NEXT}, 1, 'model/0')")


WRITES = [
    "REPLACE INTO event SELECT * FROM event WHERE position = 1",
    "INSERT OR REPLACE INTO event SELECT * FROM event",
    "INSERT INTO event SELECT * FROM event WHERE true ON CONFLICT DO UPDATE SET data = '{}'",
    "INSERT INTO root VALUES (9, zeroblob(32), zeroblob(64), 1)",
    "UPDATE event SET data = '{}'",
    "UPDATE root SET at = 0",
    "DELETE FROM event",
    "DELETE FROM command",
    "DROP TABLE event",
    "DROP TRIGGER event_update",
    "DROP INDEX event_subject",
    "ALTER TABLE event RENAME TO other",
    "CREATE TABLE mine (x)",
    "CREATE TEMP TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM root; END",
    "REINDEX event_subject",
]


@pytest.mark.parametrize("statement", WRITES)
def test_no_connection_of_ours_writes_anything_but_our_own_statements(tmp_path: Path, statement: str) -> None:
    path = str(tmp_path / "journal.db")
    fill(tmp_path / "journal.db", 5)
    with Journal.open(path) as journal, Reader(path) as reader:
        storage = journal._storage
        assert isinstance(storage, DiskStorage)
        erasing = connect_erasing(path, Guard(frozenset()))
        for connection in (storage.connection, storage._checkpointing, reader._connection, erasing):
            before = everything(connection)
            with pytest.raises((apsw.AuthError, apsw.ReadOnlyError)):
                connection.execute(statement)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            assert everything(connection) == before
        erasing.close()
        journal.append_now([draft(6)], expected=5)
