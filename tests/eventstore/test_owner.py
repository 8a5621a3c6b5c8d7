"""One owner, and what it takes to be one."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from bursar.domain.errors import JournalConflict, JournalUnusable
from bursar.eventstore.files import file_system
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader

from .helpers import draft, line, start

OWNER = """
import signal, sys
from bursar.eventstore.journal import Journal
journal = Journal.open(sys.argv[1])
print("owning", flush=True)
signal.pause()
"""


def test_a_second_owner_is_refused_naming_the_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with start(OWNER, path) as first:
        assert line(first) == "owning"
        with pytest.raises(JournalConflict) as refused:
            Journal.open(path)
        assert refused.value.pid == first.pid
        assert str(first.pid) in str(refused.value)
        with Reader(path) as reader:
            assert reader.owner_pid() == first.pid
        first.kill()
    with Reader(path) as reader:
        assert reader.owner_pid() is None
    with Journal.open(path) as journal, Reader(path) as reader:
        assert journal.head == 0
        assert reader.owner_pid() == os.getpid()


def test_the_same_process_cannot_own_a_journal_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with Journal.open(path):
        for name in (path, link, tmp_path / "." / "journal.db"):
            with pytest.raises(JournalConflict):
                Journal.open(name)
    Journal.open(path).close()


def test_a_lock_that_does_not_say_whose_it_is_is_a_lock(tmp_path: Path) -> None:
    Journal.open(tmp_path / "journal.db").close()
    with (tmp_path / "journal.db.owner").open("w") as card:
        fcntl.flock(card, fcntl.LOCK_EX)
        with pytest.raises(JournalConflict, match="process unknown"):
            Journal.open(tmp_path / "journal.db")
        with Reader(tmp_path / "journal.db") as reader:
            assert reader.owner_pid() is None


def test_a_copy_has_no_owner(tmp_path: Path) -> None:
    Journal.open(tmp_path / "journal.db").close()
    (tmp_path / "copy.db").write_bytes((tmp_path / "journal.db").read_bytes())
    with Reader(tmp_path / "copy.db") as reader:
        assert reader.owner_pid() is None


def test_the_log_of_a_journal_that_is_gone_is_not_applied_to_a_new_one(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    journal.append_now([draft(1)], expected=0)
    journal.abandon()
    (tmp_path / "journal.db").unlink()
    with pytest.raises(JournalUnusable, match="journal that is gone"):
        Journal.open(tmp_path / "journal.db")
    assert not (tmp_path / "journal.db").exists()


def test_what_is_made_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.db"
    old = os.umask(0)
    try:
        with Journal.open(path) as journal:
            journal.append_now([draft(1)], expected=0)
            modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    finally:
        os.umask(old)
    names = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.owner")
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_an_interrupted_creation_left_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "journal.db.new").write_bytes(b"half a journal")
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.head == 0
    assert not (tmp_path / "journal.db.new").exists()


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(JournalUnusable, match="file: File exists"):
        Journal.open(tmp_path / "file" / "journal.db")


def test_the_file_system_of_a_path_is_the_innermost() -> None:
    mounts = (
        "/dev/vda / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        "/dev/vdb /home/me/local\\040disk ext4 rw 0 0\n"
        "//server/x /homes cifs rw 0 0\n"
    )
    assert file_system("/var/journal.db", mounts) == "ext4"
    assert file_system("/home/me/journal.db", mounts) == "nfs4"
    assert file_system("/home/me/local disk/journal.db", mounts) == "ext4"
    assert file_system("/homes/journal.db", mounts) == "cifs"
    assert file_system("/", "") == ""
