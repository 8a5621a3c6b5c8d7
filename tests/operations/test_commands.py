"""What `bursar backup`, `archive`, `export` and `repair` say, and with which exit code."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from bursar.adapters.cli.group import KEEPING, build
from bursar.adapters.cli.quick import LOG_MAX, described
from bursar.eventstore.journal import Journal
from bursar.eventstore.keeping.archive import Segment
from bursar.eventstore.merkle import SEGMENT
from bursar.projections.status import status

from ..cli.calling import command, environment, inside
from .conftest import LONG
from .support import append, names, sign, spoil, written


@pytest.mark.parametrize("name", ["backup", "archive", "export", "repair"])
def test_every_command_is_documented(name: str) -> None:
    """Each option has a help text; the list of commands says what the command's own help says first."""
    group = build()
    found = group.get_command(click.Context(group), name)
    assert found is not None and found.help is not None
    assert (found.name, found.help.splitlines()[0]) == (name, KEEPING[name].help)
    assert all(option.help for option in found.params if isinstance(option, click.Option))


def test_backup_says_what_is_in_it_and_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        append(journal, 20)
        sign(journal)
    ran = inside("backup", tmp_path / "copy.db", journal=path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(f"backup   {tmp_path}/copy.db: 20 events, ")
    assert lines[1].startswith(
        "checked  every event is as written and agrees with 1 signed checkpoint, root "
    )
    assert lines[2] == "bodies   not in it; --bodies copies them, too"
    assert lines[3] == "keys     never in a backup: keep .keys.db, .kek and .key elsewhere"
    again = inside("backup", tmp_path / "copy.db", journal=path)
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr.startswith(
        f"bursar: {tmp_path}/copy.db was not written: there is such a file already"
    )
    forced = inside("backup", tmp_path / "copy.db", "--force", "--bodies", "--json", journal=path)
    document = json.loads(forced.stdout)
    assert (document["position"], document["bodies"], document["missing"]) == (20, None, [])


def test_a_backup_without_all_archived_segments_exits_with_1(archived: Path, tmp_path: Path) -> None:
    shutil.rmtree(f"{archived}.archive")
    ran = inside("backup", tmp_path / "copy.db", journal=archived)
    assert ran.exit_code == 1
    assert "MISSING  000000.jsonl.zst: " in ran.stdout


def test_archive_writes_nothing_again_and_says_what_can_be_done_next(
    kept: tuple[Path, list[Segment]],
) -> None:
    path, (segment,) = kept
    written_at = Path(segment.file).stat().st_mtime_ns
    last = "1970-01-01T00:00:00.065536Z"
    nothing = inside("archive", "--before", last, "--json", journal=path)
    assert json.loads(nothing.stdout) == {"segments": [], "dropped": False}
    ran = inside("archive", "--before", last.replace("6Z", "7Z"), journal=path)
    assert ran.exit_code == 0
    heading, row, end = ran.stdout.splitlines()
    assert heading.split() == ["SEGMENT", "POSITIONS", "SIZE", "FILE"]
    assert row.split()[:2] == ["0", f"1–{SEGMENT}"] and row.endswith(f"{segment.file} (there already)")
    assert end == "They are in the journal as well; --drop takes them out of it."
    assert Path(segment.file).stat().st_mtime_ns == written_at


def test_archive_drops_nothing_from_a_journal_that_somebody_owns(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        ran = inside("archive", "--drop", journal=Path(journal.path))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert f"is owned by process {os.getpid()}" in ran.stderr


def test_archive_can_drop_what_is_in_the_files(kept: tuple[Path, list[Segment]], tmp_path: Path) -> None:
    shutil.copytree(kept[0].parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "journal.db"
    ran = inside("archive", "--drop", journal=path)
    assert ran.exit_code == 0
    assert "65536 events left the journal. Its file stays as large" in ran.stdout
    assert "No segment is full and old enough" in inside("archive", "--drop", journal=path).stdout


def test_an_archived_journal_is_read_as_before(dropped: Path) -> None:
    lines = inside("status", journal=dropped).stdout.splitlines()
    assert lines[0].startswith(f"journal     {dropped}: {LONG + 1} events, ")
    assert f"archive     1 segment in {dropped}.archive" in lines
    exported = inside("export", "--since", SEGMENT, journal=dropped).stdout.splitlines()
    assert [json.loads(line)["position"] for line in exported] == list(range(SEGMENT, LONG + 2))


def test_repair_says_what_is_lost_and_why(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 50)
    spoil(path, b"<000040>", b"<000041>")
    ran = inside("repair", "--from-good-prefix", path, tmp_path / "good.db")
    assert (ran.exit_code, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(f"repaired  {tmp_path}/good.db: 39 events, root ")
    assert lines[1:4] == [
        "lost      11 events, positions 40 to 50",
        "because   position 40: the event does not hash to its leaf",
        "vouched   a root speaks for 0; for the last 39 events only their own hashes do",
    ]
    assert lines[4].startswith(f"next      {path} is as it was; keep it.")
    document = json.loads(
        inside("repair", "--from-good-prefix", path, tmp_path / "other.db", "--json").stdout
    )
    assert (document["position"], document["lost"], document["head"]) == (39, 11, 50)


def test_repair_is_never_done_by_accident(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 5)
    ran = inside("repair", path, tmp_path / "good.db")
    assert (ran.exit_code, "say --from-good-prefix" in ran.stderr) == (2, True)
    healthy = inside("repair", "--from-good-prefix", path, tmp_path / "good.db")
    assert (healthy.exit_code, "there is nothing to repair" in healthy.stderr) == (2, True)
    assert names(tmp_path) == ["journal.db", "journal.db.owner"]


@pytest.mark.parametrize("events", [5, 5000])
def test_an_export_into_a_closed_pipe_ends_quietly(events: int, tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", events)
    ours, theirs = os.pipe()
    os.close(ours)
    ran = subprocess.run(
        command("export"),
        check=False,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(BURSAR_JOURNAL=str(path)),
        timeout=60,
    )
    os.close(theirs)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_a_status_tells_sizes_checkpoints_and_a_log_that_does_not_start_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, clock_ns=lambda: 1_790_856_000_000_000_000) as journal:
        append(journal, 20)
        sign(journal)
        append(journal, 1)
        found = status(path)
        assert found.log_bytes == path.with_name("journal.db-wal").stat().st_size > 0
    assert (found.signed, found.signed_at, found.archived) == (20, 1_790_856_000_000_000_000, 0)
    lines = described(found, now=None).splitlines()
    assert "signed      20 events, 2026-10-01T12:00:00.000Z" in lines
    assert described(found, now=found.signed_at + 61_000_000_000).count("20 events, 1 min 1 s ago") == 1
    long = described(found._replace(log_bytes=LOG_MAX + 1), now=None)
    assert "WARNING     the log is longer than 64 MiB: a reader holds it; find and end it" in long
    assert "WARNING" not in described(found._replace(log_bytes=LOG_MAX), now=None)
