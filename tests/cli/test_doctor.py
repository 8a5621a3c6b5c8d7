"""`bursar doctor` as a person sees it; what it finds is tested in tests/doctor."""

from pathlib import Path

from bursar.adapters.cli.group import build
from bursar.commands import MANAGING

from .calling import bursar, on_terminal


def test_on_a_terminal_the_table_has_colours(journal: Path) -> None:
    shown = on_terminal(
        "doctor",
        "--journal",
        journal,
        BURSAR_PROVIDERS__DISCOVER="false",
        BURSAR_PROVIDERS__LLAMA__FOLDER=str(journal.parent),
    )
    assert "\x1b[1mPROVIDER" in shown
    assert "\x1b[1mllama" in shown
    assert "\x1b[32mAll is well." in shown
    assert "events" in shown


def test_in_a_pipe_it_has_none(journal: Path) -> None:
    ran = bursar("doctor", "--journal", journal, BURSAR_PROVIDERS__DISCOVER="false")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout


def test_it_is_listed_with_the_first_line_of_its_own_help() -> None:
    group = build(MANAGING)
    command = group.get_command(group.make_context("bursar", ["doctor"], resilient_parsing=True), "doctor")
    assert command is not None
    assert (command.help or "").splitlines()[0] == MANAGING["doctor"].help
