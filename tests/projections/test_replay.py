"""Folding again comes to the live state, and says where it does not."""

from contextlib import closing
from pathlib import Path

import pytest

from bursar.domain.errors import JournalCorrupt, NoSuchPosition
from bursar.domain.host.events import TimerFired
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft
from bursar.projections.replay import replay, state_at

from .wandering import wander
from .world import START, World, evicting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_comes_to_the_live_state(path: Path, seed: int) -> None:
    world = wander(path, seed)
    world.write_digest()
    world.close()
    with closing(Reader(path)) as reader:
        found = replay(reader)
    assert found.equal
    assert found.compared > 0
    assert found.state == world.state


def test_a_digest_of_another_state_is_a_difference(path: Path) -> None:
    world = evicting(path)
    good = world.write_digest()
    wrong = world.write_digest("0" * 64)
    world.write_digest("1" * 64)
    world.close()
    with closing(Reader(path)) as reader:
        assert replay(reader, until=good).equal
        found = replay(reader)
    assert not found.equal
    assert found.compared == 5
    assert found.difference is not None
    assert (found.difference.position, found.difference.recorded) == (wrong, "0" * 64)


def test_a_state_folded_on_is_the_state_folded_at_once(path: Path) -> None:
    evicting(path).close()
    with closing(Reader(path)) as reader:
        earlier = state_at(reader, 20)
        assert earlier.position == 20
        assert state_at(reader, 40, earlier) == state_at(reader, 40)
        assert state_at(reader, 0).position == 0


def test_a_position_past_the_end_is_refused(path: Path) -> None:
    evicting(path).close()
    with (
        closing(Reader(path)) as reader,
        pytest.raises(NoSuchPosition, match="position 48; the journal has 47"),
    ):
        replay(reader, until=48)


def test_progress_ends_at_the_last_position(path: Path) -> None:
    evicting(path).close()
    seen: list[tuple[int, int]] = []
    with closing(Reader(path)) as reader:
        replay(reader, 40, lambda position, last: seen.append((position, last)))
    assert seen == [(40, 40)]


@pytest.mark.parametrize(
    ("type_", "data", "problem"),
    [
        ("ModelTeleported", "{}", "UnknownEvent: ModelTeleported version 1"),
        ("ModelUnloaded", '{"model":"fake:a"}', "ValidationError"),
        ("ModelUnloaded", '{"model":"fake:a","unload_ms":1}', "cannot be folded"),
    ],
)
def test_an_event_that_cannot_be_is_named(path: Path, type_: str, data: str, problem: str) -> None:
    """From a newer bursar; not of its type; impossible in that state."""
    world = World.started(path)
    position = world.record(TimerFired()) + 1
    world.write()
    draft = Draft("fact", type_, 1, "model/fake:a", START, None, position, "bursar", data)
    world.journal.append_now([draft], expected=position - 1)
    world.close()
    with closing(Reader(path)) as reader, pytest.raises(JournalCorrupt, match=problem) as raised:
        replay(reader)
    assert raised.value.values["position"] == position
