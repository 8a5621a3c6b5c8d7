"""Moments: positions and times, written in every way, for every command that takes one."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import click
import pytest

from bursar.adapters.cli.options import time_of
from bursar.eventstore.journal import Journal

from .calling import inside

#: 2026-11-21T14:30:00Z.
NOW = int(datetime(2026, 11, 21, 14, 30, tzinfo=UTC).timestamp()) * 1_000_000_000
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-11-21T14:02", -28 * 60),
        ("2026-11-21 14:02", -28 * 60),
        ("2026-11-21T14:02Z", -28 * 60),
        ("2026-11-21T16:02:00+02:00", -28 * 60),
        ("2026-11-21", -(14 * 60 + 30) * 60),
        ("20261121T140200", -28 * 60),
        ("14:02", -28 * 60),
        ("9:02", -(5 * 60 + 28) * 60),
        ("14:02:30", -27 * 60 - 30),
        ("14:02:30.5", -27 * 60 - 29.5),
        ("2h", -7200),
        ("-2h", -7200),
        ("2h ago", -7200),
        ("2 h ago", -7200),
        ("90s", -90),
        ("5 min ago", -300),
        ("5m", -300),
        ("3d", -3 * 86400),
    ],
)
def test_a_time_can_be_written_in_many_ways(written: str, seconds: float) -> None:
    assert time_of(written, NOW) == NOW + int(seconds * SECOND)


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "yesterday", "ago", "h", "2 fortnights ago", "-", "1.5h", "--2h", "12345678901s"),
        *("14:2", "24:01", "14:60", "14:02:61", "14:02pm", "2026-13-01", "2026-02-30", "0x10"),
        *("2026-11-21T14:02+25:00", "10000-01-01", "١٤:٠٢x", "14:02\n", "-5"),
    ],
)
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(click.BadParameter, match="is no moment"):
        time_of(written, NOW)


@pytest.mark.parametrize(
    "command",
    [
        "state --at",
        "models --at",
        "log --at",
        "log --until",
        "log --since",
        "why fake:rare --at",
        "replay --to",
    ],
)
def test_every_command_takes_a_position_and_a_time(command: str, journal: Path) -> None:
    for moment in ("20", "2026-10-01T12:01:42Z", "2026-10-01T14:01:42+02:00", "2h ago", "head"):
        ran = inside(*command.split(), moment, journal=journal)
        assert (ran.exit_code, ran.stderr) == (0, ""), moment
    ran = inside(*command.split(), "noon", journal=journal)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "'noon' is no moment" in ran.stderr


@pytest.mark.parametrize(
    "command", ["state --at", "models --at", "log --until", "why fake:rare --at", "replay --to", "diff 1"]
)
def test_a_position_that_is_not_there_yet_is_refused(command: str, journal: Path) -> None:
    for position in ("48", "9" * 30):
        ran = inside(*command.split(), position, journal=journal)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert f"there is no event at position {position}; the journal has 47 events" in ran.stderr


def test_a_position_and_its_time_are_the_same_moment(journal: Path) -> None:
    def told(*arguments: object) -> str:
        ran = inside(*arguments, "--json", journal=journal)
        assert ran.exit_code == 0
        return ran.stdout

    for line in told("log").splitlines():
        event = json.loads(line)
        time = datetime.fromtimestamp(event["at"] // SECOND, UTC).isoformat() + "Z"
        time = time.replace("+00:00Z", f".{event['at'] % SECOND // 1000:06}Z")
        last = json.loads(told("log", "--until", time).splitlines()[-1])["position"]
        assert last >= event["position"]
        assert told("state", "--at", time) == told("state", "--at", last)
        assert told("models", "--at", time) == told("models", "--at", last)


def test_models_are_shown_as_they_were(journal: Path) -> None:
    def loads(*options: object) -> dict[str, int]:
        rows = json.loads(inside("models", *options, "--json", journal=journal).stdout)
        return {row["model"]: row["counts"]["loads"] for row in rows}

    assert loads("--at", 0) == {}
    assert loads("--at", 33) == {"fake:busy": 1, "fake:new": 1, "fake:rare": 1}
    assert loads() == {"fake:busy": 1, "fake:new": 1, "fake:rare": 2}


def test_why_explains_the_last_move_before_a_moment(journal: Path) -> None:
    def asked(*options: object) -> int:
        ran = inside("why", "fake:rare", *options, "--json", journal=journal)
        position: int = json.loads(ran.stdout)["chain"][0]["position"]
        return position

    moves = [
        json.loads(line)["position"]
        for line in inside(
            "log", "--subject", "model/fake:rare", "--json", journal=journal
        ).stdout.splitlines()
    ]
    assert len(moves) > 4
    for before, move in pairwise(moves):
        assert asked("--at", move) == move
        assert asked("--at", move - 1) == before
    ran = inside("why", "fake:rare", "--at", moves[0] - 1, journal=journal)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "nobody tried to load it; that came later" in ran.stderr
    ran = inside("why", "26", "--at", "30", journal=journal)
    assert "a position says that by itself" in ran.stderr
    assert _asked_of_request(journal, 26) == 26 < _asked_of_request(journal, "head")


def _asked_of_request(journal: Path, at: object) -> int:
    """What `why request/26` is about."""
    ran = inside("why", "request/26", "--at", at, "--json", journal=journal)
    position: int = json.loads(ran.stdout)["chain"][0]["position"]
    return position


def test_an_empty_journal_has_moments_too(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path):
        pass
    for moment in ("0", "head", "14:02", "2h ago"):
        ran = inside("log", "--until", moment, journal=path)
        assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
