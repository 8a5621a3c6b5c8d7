"""`bursar models` says what a load will take, whose a model is, and what its provider cannot do."""

import json
from pathlib import Path

from bursar.domain.models.events import ModelFound
from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities

from ..projections.world import GIB, World
from .calling import inside, on_terminal


def test_notes_tell_what_is_not_as_usual(tmp_path: Path) -> None:
    world = World.started(tmp_path / "journal.db")
    world.record(
        ProviderObserved(
            provider="fake",
            reachable=True,
            engine="1",
            capabilities=Capabilities(load=True, measure_memory=True),
            lacks={},
            code="",
            cause_text="",
        )
    )
    world.describe("fake:a", 4)
    small = world.residency("fake:a", 5 * GIB).model_copy(update={"context_tokens": 2048})
    world.record(ModelFound(model="fake:a", residency=small, origin="external"))
    world.describe("fake:b", 2)
    world.serve("fake:b")
    world.describe("fake:c", 2)
    world.close()
    journal = world.path
    table = inside("models", journal=journal).stdout.splitlines()
    assert table[0].split()[:6] == ["MODEL", "STATE", "SINCE", "MEMORY", "FROM", "EXPECTED"]
    assert table[0].split()[-1] == "NOTES"
    assert "external, 2048 of 4096 tokens and no unload" in table[1]
    rows = json.loads(inside("models", "--json", journal=journal).stdout)
    expected = rows[2]["estimate"]
    assert set(expected) == {"likely", "low", "high", "reserved", "provenance"}
    assert expected["low"] <= expected["likely"] <= expected["high"]


def test_a_terminal_of_120_columns_shows_every_model_on_few_lines(tmp_path: Path) -> None:
    world = World.started(tmp_path / "journal.db")
    name = "fake:qwen3-coder-30b-a3b-instruct-q4_K_M"
    world.describe(name, 4)
    world.serve(name)
    world.close()
    heading = ""
    for columns in (120, 80):
        shown = on_terminal(
            "models", "--journal", world.path, COLUMNS=str(columns), NO_COLOR="1", TERM="dumb"
        )
        heading, row = shown.splitlines()
        assert max(len(heading), len(row)) <= columns
        assert row.split()[:2] == [name, "ready"]
    # What there was no room for, a pipe gets.
    everything = inside("models", journal=world.path).stdout.splitlines()[0]
    assert "LOAD TIME" in everything
    assert "LOAD TIME" not in heading
