"""What providers hold, and by whose hand it changed, is told in words."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.kernel import Origin
from bursar.domain.models.events import (
    ModelFound,
    ModelLost,
    ModelSlept,
    ModelUnloadStarted,
    ResidencyChanged,
)
from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.projections.fields import fields
from bursar.projections.history import to_draft
from bursar.projections.log import REDACTED, summary
from bursar.projections.models import model_table
from bursar.projections.residency import HAPPENED
from bursar.projections.status import status
from bursar.projections.why import why

from ..domain.everything import EVERYTHING
from .world import GIB, World


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A journal in which nearly everything happens."""
    path = tmp_path_factory.mktemp("everything") / "journal.db"
    history = EVERYTHING.play().history
    with closing(Journal.open(path)) as journal:
        journal.append_now([to_draft(event) for event in history], expected=0)
    with closing(Reader(path)) as opened:
        yield opened


@pytest.mark.parametrize("kind", sorted(HAPPENED))
def test_every_change_by_whoever_is_told_and_explained(kind: str, reader: Reader) -> None:
    recorded = list(reader.read(types=(kind,)))
    assert recorded
    for record in recorded[:5]:
        text = summary(record.type, fields(record))
        assert text not in ("", REDACTED)
        assert "{" not in text, "its data itself is shown"
        explained = str(why(reader, record.position))
        assert "was recorded" not in explained.splitlines()[0]
        assert "None" not in explained.splitlines()[0]


def _residency(world: World, model: str, gib: int, **changes: Any) -> Any:
    return world.residency(model, gib * GIB).model_copy(update=changes)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World.started(tmp_path / "journal.db")
    world.describe("fake:a", 4)
    yield world
    world.journal.close()


def _headline(world: World, position: int) -> str:
    world.write()
    with closing(Reader(world.path)) as reader:
        return str(why(reader, position)).splitlines()[0]


def test_a_loss_by_anothers_hand_says_what_happened_and_that_it_was_not_us(world: World) -> None:
    world.serve("fake:a")
    lost = ModelLost(model="fake:a", cause_text="fake does not hold it any more", origin="external")
    headline = _headline(world, world.record(lost))
    assert headline.startswith("fake:a vanished without us at ")
    assert "fake does not hold it any more; somebody else or its provider did it, not bursar." in headline


def test_what_others_loaded_is_said_to_be_theirs(world: World) -> None:
    found = ModelFound(model="fake:a", residency=_residency(world, "fake:a", 4), origin="external")
    assert "loaded by somebody else: 4 GiB of ram" in _headline(world, world.record(found))


def test_what_was_put_to_sleep_for_room_says_for_whom_unless_others_did_it(
    world: World,
) -> None:
    can = Capabilities(load=True, sleep=True, measure_memory=True)
    world.record(
        ProviderObserved(
            provider="fake", reachable=True, engine="1", capabilities=can, lacks={}, code="", cause_text=""
        )
    )
    world.serve("fake:a")
    world.describe("fake:b", 9)
    world.ask("fake:b", "ada")
    asleep = _residency(world, "fake:a", 1, asleep=True)
    (order,) = [model.intent for model in world.state.models.values() if model.intent]
    headline = _headline(world, order)
    assert headline.startswith("fake:a was to be unloaded")
    slept = world.record(
        ModelSlept(model="fake:a", residency=asleep, sleep_ms=900), origin=Origin(order, order)
    )
    headline = _headline(world, slept)
    assert headline.startswith("fake:a was put to sleep at ")
    assert "room had to be made for fake:b, which request/" in headline
    assert status(world.path).models[0].memory == {"ram": GIB}
    again = world.record(ModelSlept(model="fake:c", residency=asleep, origin="external"))
    assert "somebody else or its provider did it, not bursar" in _headline(world, again)


def test_how_many_models_a_provider_holds_at_once_is_said(world: World) -> None:
    seen = ProviderObserved(
        provider="fake",
        reachable=True,
        engine="1",
        capabilities=Capabilities(load=True),
        lacks={},
        code="",
        cause_text="",
        max_loaded=1,
    )
    assert "it holds 1 model at a time, as its loads have shown" in _headline(world, world.record(seen))


def test_the_table_says_what_is_expected_whose_it_is_and_what_its_provider_lacks(world: World) -> None:
    can = Capabilities(load=True)
    world.record(
        ProviderObserved(
            provider="fake", reachable=True, engine="1", capabilities=can, lacks={}, code="", cause_text=""
        )
    )
    world.record(ModelFound(model="fake:a", residency=_residency(world, "fake:a", 4), origin="external"))
    changed = _residency(world, "fake:a", 3, context_tokens=1024)
    world.record(ResidencyChanged(model="fake:a", residency=changed))
    world.describe("fake:b", 8)
    world.write()
    with closing(Reader(world.path)) as reader:
        first, second = model_table(reader, world.state)
    assert (first.origin, first.lacks) == ("external", ("unload", "measure_memory"))
    assert (first.context_asked, first.context_granted) == (4096, 1024)
    assert first.memory == status(world.path).models[0].memory == {"ram": 3 * GIB}
    assert second.estimate
    assert second.estimate.provenance.startswith("estimate (gguf header)")
    assert second.estimate.likely <= second.estimate.reserved["ram"]


def test_how_a_model_leaves_is_told_where_it_is_not_for_good() -> None:
    data = {"motive": "idle", "how": "sleep"}
    assert summary(ModelUnloadStarted.name, data) == "idle, by sleep"
    assert summary(ModelUnloadStarted.name, {"motive": "idle"}) == "idle"
