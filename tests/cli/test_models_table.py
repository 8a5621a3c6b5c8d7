"""`bursar models` says what a load will take, whose a model is, and what its provider cannot do."""

import json
from pathlib import Path

from bursar.domain.models.events import ModelFound
from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities

from ..projections.world import GIB, World
from .calling import inside


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
    assert table[0].split()[:7] == ["MODEL", "STATE", "SINCE", "MEMORY", "FROM", "EXPECTED", "NOTES"]
    assert "external, 2048 of 4096 tokens and no unload" in table[1]
    rows = json.loads(inside("models", "--json", journal=journal).stdout)
    expected = rows[2]["estimate"]
    assert set(expected) == {"likely", "low", "high", "reserved", "provenance"}
    assert expected["low"] <= expected["likely"] <= expected["high"]
