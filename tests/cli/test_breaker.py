"""`bursar breaker`: reads what every breaker is, and sets one, also when no manager runs."""

import getpass
import json
from pathlib import Path

import pytest

from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.projections.redecide import redecide
from bursar.projections.replay import replay

from ..projections.world import World
from .calling import inside, on_terminal


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Of a manager with two providers, which was killed."""
    world = World.started(tmp_path / "journal.db")
    for name in ("fake", "openai:lab"):
        world.record(
            ProviderObserved(
                provider=name,
                reachable=True,
                engine="1",
                capabilities=Capabilities(load=True, unload=True, measure_memory=True),
                lacks={},
                code="",
                cause_text="",
            )
        )
    world.describe("fake:a", 4)
    world.serve("fake:a")
    world.close()
    return world.path


def test_every_provider_has_a_line(journal: Path) -> None:
    ran = inside("breaker", journal=journal)
    assert ran.exit_code == 0
    heading, *rows = ran.stdout.splitlines()
    assert heading.split()[:3] == ["PROVIDER", "BREAKER", "SINCE"]
    # A load and an answer.
    assert "2 of 10" in rows[0]
    assert "0 of 50 %" in rows[0]
    assert [line.split()[:2] for line in rows] == [["fake", "closed"], ["openai:lab", "closed"]]
    (one,) = json.loads(inside("breaker", "openai:lab", "--json", journal=journal).stdout)
    assert (one["provider"], one["state"], one["calls_needed"]) == ("openai:lab", "closed", 10)


def test_it_is_set_by_whoever_sits_there_and_left_to_the_rules_again(journal: Path) -> None:
    shown = inside("breaker", "fake", "--set", "forced_open", "--json", journal=journal)
    (one,) = json.loads(shown.stdout)
    assert (one["state"], one["by_hand"]) == ("forced_open", True)
    # It stands in the journal, and not only in what was said.
    assert "forced_open" in inside("breaker", journal=journal).stdout
    assert "forced_open" in inside("status", journal=journal).stdout
    inside("breaker", "fake", "--set", "closed", journal=journal)
    with Reader(journal) as reader:
        records = list(reader.read(types=["BreakerSet", "BreakerChanged"]))
        assert [record.type for record in records] == ["BreakerSet", "BreakerChanged"] * 2
        assert {record.actor for record in records if record.type == "BreakerSet"} == {getpass.getuser()}
        assert {record.subject for record in records} == {"breaker/fake"}
        assert one["position"] == records[1].position
        assert redecide(reader).ok
        assert replay(reader).equal
    assert check(journal).ok
    told = inside("why", one["position"], journal=journal).stdout
    assert "the breaker of fake became forced_open" in told
    assert "an operator wanted it so" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "The journal knows no provider 'nobody'. It knows: fake, openai:lab."),
        (
            ["nobody", "--set", "closed"],
            "The journal knows no provider 'nobody'. It knows: fake, openai:lab.",
        ),
        (["--set", "closed"], "bursar breaker PROVIDER --set STATE"),
        (
            ["fake", "--set", "ajar"],
            "'ajar' is not one of 'closed', 'forced_open', 'disabled', 'metrics_only'",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    journal: Path, arguments: list[str], message: str
) -> None:
    before = journal.read_bytes()
    ran = inside("breaker", *arguments, journal=journal)
    assert ran.exit_code == 2
    assert message in " ".join(ran.stderr.split())
    assert journal.read_bytes() == before


def test_a_journal_without_providers_says_so(tmp_path: Path) -> None:
    World.started(tmp_path / "journal.db").close()
    ran = inside("breaker", journal=tmp_path / "journal.db")
    assert ran.stdout == "The journal knows no providers yet.\n"


@pytest.mark.parametrize("columns", [120, 80])
def test_the_table_fits_the_terminal(journal: Path, columns: int) -> None:
    shown = on_terminal("breaker", "--journal", journal, COLUMNS=str(columns), NO_COLOR="1", TERM="dumb")
    lines = shown.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    assert "WAITS FOR" in lines[0]
