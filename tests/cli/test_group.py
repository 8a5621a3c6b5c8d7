"""The command group: lazy, documented, and open to commands from elsewhere."""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bursar.adapters.cli import output
from bursar.adapters.cli.group import READING, Lazy, build
from bursar.adapters.cli.options import time_of
from bursar.domain.errors import JournalCorrupt, QueueFull

NOON = 1_790_856_000_000_000_000
SECOND = 1_000_000_000


@click.command()
@click.argument("outcome")
def elsewhere(outcome: str) -> None:
    """Do something else."""
    if outcome == "full":
        raise QueueFull(waiting=4, limit=4)
    if outcome == "damaged":
        raise JournalCorrupt(path="j.db", position=7, problem="it is gone")
    click.echo(outcome)


EXTRA = {"elsewhere": Lazy(f"{__name__}:elsewhere", "Do something else.")}


@pytest.mark.parametrize("name", READING)
def test_every_reading_command_is_documented(name: str) -> None:
    """Each option has a help text; the list of commands says what the command's own help says first."""
    group = build()
    context = click.Context(group)
    found = group.get_command(context, name)
    assert found is not None
    assert found.name == name
    assert found.help is not None
    assert found.help.splitlines()[0] == READING[name].help
    for command in found.commands.values() if isinstance(found, click.Group) else (found,):
        options = {option.name: option for option in command.params if isinstance(option, click.Option)}
        assert {"journal", "as_json"} <= set(options)
        assert all(option.help for option in options.values())


def test_commands_from_elsewhere_come_first_and_are_listed_without_being_imported() -> None:
    missing = {"later": Lazy("bursar.not_there:later", "Not there yet.")}
    ran = CliRunner().invoke(build(missing), ["--help"])
    assert ran.exit_code == 0
    commands = [line.split()[0] for line in ran.output.partition("Commands:\n")[2].splitlines() if line]
    assert commands[: len(READING) + 1] == ["later", *READING]
    assert "Exit codes: 0 good, 1 a check failed, 2 wrong usage" in ran.output


@pytest.mark.parametrize(
    ("outcome", "code", "message"),
    [
        ("done", 0, "done\n"),
        ("full", 2, "bursar: 4 requests wait already, the limit is 4. Try again later.\n"),
        ("damaged", 1, "bursar: j.db is damaged at position 7: it is gone\n"),
    ],
)
def test_errors_of_ours_are_messages_with_an_exit_code(outcome: str, code: int, message: str) -> None:
    ran = CliRunner().invoke(build(EXTRA), ["elsewhere", outcome])
    assert (ran.exit_code, ran.output) == (code, message)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("90s", NOON - 90 * SECOND),
        ("-5m", NOON - 300 * SECOND),
        ("2h", NOON - 7200 * SECOND),
        ("3d", NOON - 3 * 86400 * SECOND),
        ("9:30", NOON - 9000 * SECOND),
        ("11:59:59", NOON - SECOND),
        ("2026-10-01", NOON - 43200 * SECOND),
        ("2026-10-01T12:00:00.250Z", NOON + SECOND // 4),
        ("2026-10-01T14:00+02:00", NOON),
    ],
)
def test_moments_can_be_written_in_many_ways(moment: str, expected: int) -> None:
    assert datetime.fromtimestamp(NOON // SECOND, UTC).hour == 12
    assert time_of(moment, NOON) == expected


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="'soon' is no moment"):
        time_of("soon", NOON)


class Terminal(io.StringIO):
    """Text that is looked at."""

    def isatty(self) -> bool:
        return True


def test_a_long_journal_has_a_bar_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    with output.progress("folding", 1_000_000) as report:
        assert report is None
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with output.progress("folding", 100) as report:
        assert report is None
    with output.progress("folding", 1_000_000) as report:
        assert report is not None
        report(500_000, 1_000_000)
    assert "folding" in terminal.getvalue()


def test_the_default_journal_is_the_one_that_open_makes() -> None:
    """Read from the source: importing `bursar.opening` is no business of the command line."""
    source = Path(__file__).resolve().parents[2] / "bursar" / "opening.py"
    assert 'journal: str | os.PathLike[str] = "bursar.db"' in source.read_text("utf-8")
