"""The table's own rules, which hold for whoever writes to the file with SQLite's ordinary means."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from bursar.eventstore.files import schema

from .helpers import fill

COLUMNS = "kind, type, version, at, correlation, actor, data, leaf, position, subject, subject_version"
NEXT = "'fact', 'T', 1, 99999, 1, 'me', '{}', zeroblob(32)"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A connection that knows nothing of ours, to a journal of five events of three models."""
    fill(tmp_path / "journal.db", 5)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    yield connection
    connection.close()


def everything(connection: apsw.Connection) -> list[object]:
    return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("event", "root", "journal")]


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
        ("INSERT", "ON CONFLICT (subject, subject_version) DO UPDATE SET data = 'changed'"),
        ("INSERT", "ON CONFLICT DO NOTHING"),
    ],
)
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("5, 'model/9', 1", "position is not the next"),
        ("1, 'model/9', 1", "position is not the next"),
        ("7, 'model/9', 1", "position is not the next"),
        ("0, 'model/9', 1", "position is not the next"),
        ("-1, 'model/9', 1", "position is not the next"),
        ("NULL, 'model/9', 1", "position is not the next"),
        ("6, 'model/1', 1", "version of the subject is not the next"),
        ("6, 'model/1', 2", "version of the subject is not the next"),
        ("6, 'model/1', 4", "version of the subject is not the next"),
        ("6, 'model/9', 0", "version of the subject is not the next"),
        ("6, 'model/9', 2", "version of the subject is not the next"),
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
    ],
)
def test_a_row_keeps_the_rules_of_its_columns(other: apsw.Connection, values: str, why: str) -> None:
    before = everything(other)
    with pytest.raises(apsw.ConstraintError, match=why):
        other.execute(f"INSERT INTO event ({COLUMNS}) VALUES ({values}, 6, 'model/9', 1)")
    assert everything(other) == before


def test_a_cause_is_earlier(other: apsw.Connection) -> None:
    with pytest.raises(apsw.ConstraintError, match="cause < position"):
        other.execute(f"INSERT INTO event (cause, {COLUMNS}) VALUES (6, {NEXT}, 6, 'model/9', 1)")


def test_the_first_row_of_all_is_number_one() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(schema())
    for place in ("2, 'model/0', 1", "1, 'model/0', 2", "0, 'model/0', 1"):
        with pytest.raises(apsw.ConstraintError):
            connection.execute(f"INSERT INTO event ({COLUMNS}) VALUES ({NEXT}, {place})")
    connection.execute(f"INSERT INTO event ({COLUMNS}) VALUES ({NEXT}, 1, 'model/0', 1)")
