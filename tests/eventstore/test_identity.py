"""Files that are no journals are refused with a sentence and left as they are, and so is all around them."""

import os
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader

from .helpers import fill


def of_another_application(path: Path, *, log: bool = False) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.pragma("application_id", 0x0F055112)
    connection.execute("CREATE TABLE blob (content); INSERT INTO blob VALUES (randomblob(9000))")
    if log:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


def of_a_newer_format(path: Path) -> None:
    fill(path, 3)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 3)
    connection.close()
    path.with_name(path.name + ".owner").unlink()


def empty_database(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t (x); DROP TABLE t")
    connection.close()


MAKERS: list[tuple[str, Callable[[Path], object]]] = [
    ("it is empty", lambda path: path.touch()),
    ("not an SQLite database", lambda path: path.write_text("a text of some length\n" * 400)),
    ("not an SQLite database", lambda path: path.write_text("short")),
    ("not an SQLite database", lambda path: path.write_bytes(os.urandom(8192))),
    ("another application", of_another_application),
    ("another application", lambda path: of_another_application(path, log=True)),
    ("another application", empty_database),
    ("format 3 and this bursar knows format 2; update bursar", of_a_newer_format),
    ("not a regular file", lambda path: path.mkdir()),
    ("not a regular file", os.mkfifo),
    ("Too many levels of symbolic links", lambda path: path.symlink_to(path)),
]


@pytest.mark.parametrize(("why", "make"), MAKERS)
@pytest.mark.parametrize("use", [Journal.open, Reader])
def test_what_is_no_journal_is_refused_untouched(
    tmp_path: Path, why: str, make: Callable[[Path], object], use: Callable[[Path], object]
) -> None:
    path = tmp_path / "journal.db"
    make(path)
    before = contents(tmp_path)
    with pytest.raises(JournalUnusable, match=why):
        use(path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("why", "make"), MAKERS)
def test_verifying_what_is_no_journal_says_why(
    tmp_path: Path, why: str, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "journal.db"
    make(path)
    before = contents(tmp_path)
    report = check(path)
    assert [problem.kind for problem in report.problems] == ["file"]
    assert why in report.problems[0].text
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        entry.name: entry.read_bytes() if entry.is_file() and not entry.is_fifo() else None
        for entry in folder.iterdir()
    }


def test_where_there_is_no_file_a_reader_says_what_to_do(tmp_path: Path) -> None:
    for use in (Reader, check):
        with pytest.raises(JournalUnusable, match="no such file"):
            use(tmp_path / "journal.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a?mode=memory", "file:x", "50%", "#", "a\nb", "🧾", ":memory:", " ", "'; --"]
)
def test_names_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    fill(tmp_path / name, 3)
    assert (tmp_path / name).is_file()
    with Reader(tmp_path / name) as reader:
        assert reader.head() == 3
    assert check(tmp_path / name).ok


@pytest.mark.parametrize("name", ["a\0b", "\udcff", "x" * 300])
def test_impossible_names_are_refused(tmp_path: Path, name: str) -> None:
    for use in (Journal.open, Reader):
        with pytest.raises(JournalUnusable):
            use(tmp_path / name)
