"""Backups: made beside a writer, checked, whole or not there, and without what must not be in them."""

import os
import shutil
import signal
from pathlib import Path

import apsw
import pytest

from bursar.domain.errors import FileNotWritten, JournalConflict, JournalCorrupt, JournalUnusable
from bursar.eventstore.journal import Journal
from bursar.eventstore.keeping.backup import backup
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader

from ..eventstore.helpers import line, start
from ..eventstore.test_durability import WRITER
from .support import KILLED, append, names, records, redact, sign, spoil, written

#: Copies a journal where files may have 100,000 bytes, and says what became of it.
FULL_DISK = """
import resource, sys
from bursar.domain.errors import BursarError
from bursar.eventstore.keeping.backup import backup
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    backup(*sys.argv[1:])
except BursarError as error:
    print(error)
"""

#: Copies a journal and interrupts itself from the keyboard meanwhile.
INTERRUPTED = """
import os, signal, sys
from bursar.eventstore.keeping.backup import backup
try:
    backup(*sys.argv[1:], progress=lambda *_: os.kill(os.getpid(), signal.SIGINT))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_backup_is_what_the_journal_was(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 3000)
        sign(journal)
        made = backup(path, tmp_path / "copy.db")
        append(journal, 10)
    assert (made.position, made.checkpoints, made.archived, made.missing) == (3000, 1, (), ())
    found = check(tmp_path / "copy.db")
    assert found.ok and (found.root, found.checkpoints) == (made.root, 1)
    assert records(made.path) == records(path)[:3000]
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["copy.db", "journal.db", "journal.db.owner"]


def test_a_backup_can_be_written_on_as_a_journal(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 10)
    backup(path, tmp_path / "copy.db")
    with Journal.open(tmp_path / "copy.db") as journal:
        append(journal, 5)
    assert records(tmp_path / "copy.db")[:10] == records(path)
    assert check(tmp_path / "copy.db").size == 15


def test_a_backup_beside_a_writer_has_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with start(WRITER, path) as writer:
        for number in range(5):
            *_, acknowledged = (int(line(writer)) for _ in range(200))
            made = backup(path, tmp_path / f"{number}.db")
            assert made.position >= acknowledged
            assert check(made.path).root == made.root
        writer.kill()


def test_an_existing_file_is_only_replaced_when_it_is_a_journal_and_may_be(tmp_path: Path) -> None:
    path, copy = written(tmp_path / "journal.db", 20), tmp_path / "copy.db"
    backup(path, copy)
    with Journal.open(path) as journal:
        append(journal, 1)
    with pytest.raises(FileNotWritten, match="there is such a file already"):
        backup(path, copy)
    assert len(records(copy)) == 20
    backup(path, copy, replace=True)
    assert len(records(copy)) == 21
    mine = tmp_path / "mine"
    mine.write_text("not a journal")
    with pytest.raises(JournalUnusable, match="not an SQLite database"):
        backup(path, mine, replace=True)
    assert mine.read_text() == "not a journal"
    with pytest.raises(FileNotWritten, match="it is a name that the journal uses"):
        backup(path, f"{path}.key", replace=True)
    with pytest.raises(FileNotWritten, match="it is the journal itself"):
        backup(path, path, replace=True)
    with Journal.open(copy), pytest.raises(JournalConflict, match=f"process {os.getpid()}"):
        backup(path, copy, replace=True)


def test_a_log_at_the_destination_is_not_applied_to_the_copy(tmp_path: Path) -> None:
    path, copy = written(tmp_path / "journal.db", 20), tmp_path / "copy.db"
    journal = Journal.open(copy)
    append(journal, 1)
    journal.abandon()
    copy.unlink()
    with pytest.raises(FileNotWritten, match=r"copy\.db-wal.*move that away"):
        backup(path, copy)
    assert not copy.exists()


@pytest.mark.parametrize("destination", ["missing/copy.db", "file/copy.db", "x" * 300, "folder"])
def test_a_destination_where_nothing_can_be_written_is_named(destination: str, tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 5)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    before = names(tmp_path)
    with pytest.raises(FileNotWritten, match="was not written"):
        backup(path, tmp_path / destination)
    assert names(tmp_path) == before


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 2000)
    (tmp_path / "to").mkdir()
    with start(FULL_DISK, path, tmp_path / "to" / "copy.db") as copying:
        assert line(copying).startswith(f"{tmp_path}/to/copy.db was not written: ")
    assert names(tmp_path / "to") == []


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 10_000)
    (tmp_path / "to").mkdir()
    with start(INTERRUPTED, path, tmp_path / "to" / "copy.db") as copying:
        assert line(copying) == "interrupted"
    assert names(tmp_path / "to") == []


def test_a_kill_leaves_nothing_under_the_name_and_the_next_backup_clears_up(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 10_000)
    (tmp_path / "to").mkdir()
    copy = tmp_path / "to" / "copy.db"
    with start(KILLED, "bursar.eventstore.keeping.backup:backup", path, copy) as copying:
        assert copying.wait() == -signal.SIGKILL
    assert "copy.db.new" in names(tmp_path / "to") and not copy.exists()
    backup(path, copy)
    assert names(tmp_path / "to") == ["copy.db"]
    assert len(records(copy)) == 10_000


def test_keys_are_never_in_a_backup_and_bodies_only_when_they_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 5)
    for ending in (".key", ".keys.db", ".kek"):
        (tmp_path / f"journal.db{ending}").write_text("canary")
    blobs = apsw.Connection(f"{path}.blobs.db")
    blobs.pragma("journal_mode", "wal")
    blobs.execute("CREATE TABLE blob (body BLOB); INSERT INTO blob VALUES (x'c0ffee')")
    for folder, bodies in (("without", False), ("with", True)):
        (tmp_path / folder).mkdir()
        made = backup(path, tmp_path / folder / "copy.db", bodies=bodies)
        assert made.bodies == (f"{tmp_path}/with/copy.db.blobs.db" if bodies else None)
    blobs.close()
    assert names(tmp_path / "without") == ["copy.db"]
    assert names(tmp_path / "with") == ["copy.db", "copy.db.blobs.db"]
    copied = apsw.Connection(f"{tmp_path}/with/copy.db.blobs.db")
    assert copied.execute("SELECT body FROM blob").get == b"\xc0\xff\xee"
    copied.close()
    assert not any(b"canary" in file.read_bytes() for file in tmp_path.glob("with*/*"))


def test_bodies_that_do_not_exist_are_no_error(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 5)
    assert backup(path, tmp_path / "copy.db", bodies=True).bodies is None


def test_what_was_redacted_is_not_in_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 50)
        redact(journal, 17)
        backup(path, tmp_path / "copy.db")
    assert b"<000016>" in (tmp_path / "copy.db").read_bytes()
    assert b"<000017>" not in (tmp_path / "copy.db").read_bytes()


def test_a_damaged_journal_is_not_copied(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 50)
    spoil(path, b"<000017>", b"<000018>")
    with pytest.raises(JournalCorrupt, match="position 17"):
        backup(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_archived_segments_are_copied_and_found_again(dropped: Path, tmp_path: Path) -> None:
    made = backup(dropped, tmp_path / "copy.db")
    assert made.archived == ("000000.jsonl.zst",)
    assert check(made.path).ok
    with Reader(made.path) as copy, Reader(dropped) as original:
        assert list(copy.read(until=600)) == list(original.read(until=600))
    backup(dropped, tmp_path / "copy.db", replace=True)
    assert names(tmp_path / "copy.db.archive") == ["000000.jsonl.zst"]


def test_a_missing_archive_is_told_and_the_rest_is_copied(archived: Path, tmp_path: Path) -> None:
    shutil.rmtree(f"{archived}.archive")
    made = backup(archived, tmp_path / "copy.db")
    assert (made.archived, made.missing) == ((), ("000000.jsonl.zst",))
    assert names(tmp_path) == ["archived", "copy.db"]
