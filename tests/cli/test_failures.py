"""What goes wrong is said in one line, with an exit code that a script can rely on."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from shutil import copy

import apsw
import pytest

from ..projections.world import World, evicting
from .calling import bursar, command, environment, inside

COMMANDS = ["status", "models", "log", "why 1", "state", "diff 1 2", "replay", "verify"]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_missing_journal_is_wrong_usage(line: str, tmp_path: Path) -> None:
    ran = bursar(*line.split(), cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(
        f"bursar: {tmp_path.resolve()}/bursar.db cannot be used as a journal: there is no such"
    )
    assert ran.stderr.count("\n") == 1


def test_the_journal_can_be_named_by_the_environment(journal: Path, tmp_path: Path) -> None:
    ran = bursar("log", "--limit", 1, cwd=tmp_path, BURSAR_JOURNAL=str(journal))
    assert "StateDigested" in ran.stdout


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database\n" * 100)
    ran = inside("status", journal=tmp_path / "notes.txt")
    assert ran.exit_code == 2
    assert "it is not an SQLite database" in ran.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("why 99", "bursar: there is no event at position 99; the journal has 47 events\n"),
        ("state --at 48", "bursar: there is no event at position 48; the journal has 47 events\n"),
        ("why fake:none", "bursar: 'fake:none' was never in memory"),
        (
            "why request/27",
            "bursar: there is no request/27; a request has the position of its RequestArrived\n",
        ),
        ("state --at yesterday", "Error: Invalid value: 'yesterday' is no moment."),
        ("log --follow --at 3", "Error: --follow has no end, and --until is one."),
        ("log --limit 0", "Error: Invalid value for '--limit'"),
        ("why", "Error: Missing argument 'POSITION|MODEL|REQUEST|CONTEXT'."),
        ("teleport", "Error: No such command 'teleport'."),
    ],
)
def test_wrong_usage_says_what_is_wrong(line: str, message: str, journal: Path) -> None:
    ran = inside(*line.split(), journal=journal)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert message in ran.stderr


def test_a_status_with_an_option_that_is_none_is_left_to_click(journal: Path) -> None:
    ran = bursar("status", "--nonsense")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Error: No such option" in ran.stderr


@pytest.mark.parametrize("line", ["log", "status", "--help"])
def test_a_closed_pipe_ends_it_quietly(line: str, journal: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    ran = subprocess.run(
        command(line),
        check=False,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(BURSAR_JOURNAL=str(journal)),
        timeout=60,
    )
    os.close(theirs)
    assert ran.stderr == b""
    assert ran.returncode == 141


def test_following_shows_what_is_written_and_ends_quietly_when_interrupted(tmp_path: Path) -> None:
    world = evicting(tmp_path / "journal.db")
    world.write()
    arguments = command("log", "--follow", "--type", "RequestArrived", "--type", "TimerFired")
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(BURSAR_JOURNAL=str(world.path)),
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        first = [running.stdout.readline() for _ in range(6)]
        world.tick()
        world.write()
        followed = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        assert running.stderr.read() == ""
    world.close()
    assert all("RequestArrived" in line for line in first)
    assert (
        followed.split()[0::2] == ["48", "TimerFired", "a", "that", "waited", "has"]
        or "TimerFired" in followed
    )


def test_a_replay_that_differs_exits_with_1_and_says_where(tmp_path: Path) -> None:
    world = World.started(tmp_path / "journal.db")
    position = world.write_digest("0" * 64)
    world.close()
    ran = bursar("replay", "--journal", world.path)
    assert ran.returncode == 1
    assert f"the state before #{position} is not the live one." in ran.stdout


def test_one_changed_byte_exits_with_1_and_says_where(journal: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "journal.db"
    copy(journal, damaged)
    content = damaged.read_bytes()
    before, after = b'"agent":"ada"', b'"agent":"eve"'
    assert content.count(before) == 1
    damaged.write_bytes(content.replace(before, after))
    ran = bursar("verify", "--journal", damaged)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "  #26: " in ran.stdout
    assert inside("verify", "--json", journal=damaged).exit_code == 1


def test_a_file_that_cannot_even_be_opened_is_reported_by_verify(journal: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "journal.db"
    content = bytearray(journal.read_bytes())
    content[100:4096] = bytes(4096 - 100)
    damaged.write_bytes(content)
    ran = inside("verify", journal=damaged)
    assert ran.exit_code == 1
    assert "decisions: the file cannot be read" in ran.stdout


def test_a_journal_without_digests_has_nothing_to_compare_with(tmp_path: Path) -> None:
    world = World.started(tmp_path / "journal.db")
    world.close()
    ran = inside("replay", journal=world.path)
    assert ran.exit_code == 0
    assert "the live process recorded no digest to compare with" in ran.stdout


def test_a_changed_decision_is_shown_field_by_field(journal: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "journal.db"
    copy(journal, damaged)
    connection = apsw.Connection(str(damaged))
    connection.execute("DROP TRIGGER event_update")
    connection.execute("UPDATE event SET data = replace(data, '4200', '4201') WHERE type = 'LeaseGranted'")
    connection.close()
    ran = inside("verify", journal=damaged)
    assert ran.exit_code == 1
    assert "  #34, from fact #33:\n    LeaseGranted: data.waited_ms: 4201 → 4200\n" in ran.stdout


def test_a_journal_that_cannot_be_folded_exits_with_1(journal: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "journal.db"
    copy(journal, damaged)
    connection = apsw.Connection(str(damaged))
    connection.execute("DROP TRIGGER event_update")
    connection.execute("UPDATE event SET type = 'ModelTeleported' WHERE position = 12")
    connection.close()
    ran = inside("state", journal=damaged)
    assert ran.exit_code == 1
    assert (
        "is damaged at position 12: its event cannot be folded (UnknownEvent: ModelTeleported" in ran.stderr
    )


def test_a_plain_status_imports_neither_click_nor_pydantic(journal: Path) -> None:
    program = f"""if True:
        import sys
        sys.argv = ["bursar", "status", "--json", "--journal", {str(journal)!r}]
        from bursar.__main__ import main
        main()
        heavy = {{"click", "rich", "pydantic", "transitions", "httpx", "structlog", "asyncio", "dataclasses"}}
        print(sorted(heavy & set(sys.modules)), file=sys.stderr)
    """
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment()
    )
    assert ran.stderr == "[]\n"


def test_the_help_imports_no_command(journal: Path) -> None:
    program = """if True:
        import sys
        sys.argv = ["bursar", "--help"]
        from bursar.__main__ import main
        try:
            main()
        finally:
            heavy = {"rich", "pydantic", "transitions", "httpx", "structlog", "apsw"}
            print(sorted(heavy & set(sys.modules)), file=sys.stderr)
    """
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment()
    )
    assert ran.stderr == "[]\n"
