"""A journal that these rules did not write is found out, decision by decision."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from bursar.domain.events import Body, Event
from bursar.domain.kernel import Step, take
from bursar.domain.models.events import EvictionPlanned
from bursar.domain.requests.events import LeaseGranted, RequestQueued
from bursar.domain.state import State
from bursar.eventstore.reader import Reader
from bursar.projections.redecide import Redecided, redecide
from bursar.projections.verify import verify

from .wandering import wander
from .world import World, evicting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def changed(event: Event, body: Body) -> Event:
    """The event with another body."""
    return Event(event.position, event.at, event.cause, event.correlation, event.actor, body)


def serve_twice(world: World) -> Redecided:
    """Two requests with whatever the world's forger does to them, decided again."""
    world.describe("fake:a", 5)
    world.serve("fake:a")
    world.serve("fake:a")
    world.close()
    with closing(Reader(world.path)) as reader:
        return redecide(reader)


@pytest.mark.parametrize("seed", range(3))
def test_an_honest_journal_decides_again_as_it_did(path: Path, seed: int) -> None:
    wander(path, seed).close()
    found = verify(path)
    assert found.ok
    assert found.decisions is not None
    assert found.decisions.facts + found.decisions.decisions == found.tree.size


def test_a_tampered_decision_is_one_divergence_with_the_fields_that_differ(path: Path) -> None:
    world = World.started(path)

    def forge(events: list[Event]) -> list[Event]:
        bodies = [(event, event.body) for event in events]
        return [
            changed(event, body.model_copy(update={"waited_ms": 7}))
            if isinstance(body, LeaseGranted)
            else event
            for event, body in bodies
        ]

    world.describe("fake:a", 5)
    world.serve("fake:a")
    world.forge = forge
    world.serve("fake:a")
    world.forge = list
    world.serve("fake:a")
    world.close()
    with closing(Reader(path)) as reader:
        found = redecide(reader)
    (divergence,) = found.divergences
    assert divergence.lines == ("LeaseGranted: data.waited_ms: 7 → 0",)
    assert found.stopped is None


def test_another_victim_is_a_divergence_and_does_not_cascade(path: Path) -> None:
    """The state is folded from what was recorded, so what follows from the false victim is right again."""
    world = World.started(path)
    for model in ("fake:busy", "fake:rare", "fake:new"):
        world.describe(model, 5)
        if model != "fake:new":
            world.serve(model)

    def forge(events: list[Event]) -> list[Event]:
        text = {"fake:busy": "fake:rare", "fake:rare": "fake:busy"}
        forged: list[Event] = []
        for event in events:
            body = event.body
            if isinstance(body, EvictionPlanned):
                body = body.model_copy(update={"victims": tuple(text[name] for name in body.victims)})
            elif event.body.kind == "decision" and (victim := getattr(body, "model", "")) in text:
                body = body.model_copy(update={"model": text[victim]})
            forged.append(changed(event, body))
        return forged

    world.forge = forge
    world.ask("fake:new")
    world.forge = list
    world.settle()
    world.serve("fake:busy")
    world.close()
    with closing(Reader(path)) as reader:
        found = redecide(reader)
    lines = [line for divergence in found.divergences for line in divergence.lines]
    assert 'EvictionPlanned: data.victims[0]: "fake:rare" → "fake:busy"' in lines
    assert {divergence.fact for divergence in found.divergences} == {found.divergences[0].fact}
    assert found.stopped is None


def test_a_missing_decision_is_said_to_be_decided_today(path: Path) -> None:
    world = World.started(path)
    world.forge = lambda events: [event for event in events if not isinstance(event.body, RequestQueued)]
    found = serve_twice(world)
    (divergence,) = found.divergences
    assert divergence.lines == ("RequestQueued request/6 is decided today and was not recorded",)


def test_a_decision_too_many_is_said_not_to_be_decided_today(path: Path) -> None:
    world = World.started(path)

    def forge(events: list[Event]) -> list[Event]:
        last = events[-1]
        if not isinstance(last.body, RequestQueued):
            return events
        twice = Event(last.position + 1, last.at, last.cause, last.correlation, last.actor, last.body)
        return [*events, twice]

    world.forge = forge
    found = serve_twice(world)
    (divergence,) = found.divergences
    assert divergence.lines == ("RequestQueued request/6 is not decided today",)


def test_a_decision_behind_another_fact_is_an_orphan(path: Path) -> None:
    world = World.started(path)

    def forge(events: list[Event]) -> list[Event]:
        last = events[-1]
        if not isinstance(last.body, RequestQueued):
            return events
        return [*events[:-1], Event(last.position, last.at, 1, last.correlation, last.actor, last.body)]

    world.forge = forge
    found = serve_twice(world)
    lines = [line for divergence in found.divergences for line in divergence.lines]
    assert "RequestQueued is a decision that stands behind no fact of its own" in lines


def test_an_event_that_cannot_be_read_ends_the_check_there(path: Path) -> None:
    evicting(path).close()
    tamper(path, "UPDATE event SET type = 'ModelTeleported' WHERE position = 12")
    found = verify(path)
    assert not found.ok
    assert [problem.position for problem in found.tree.problems if problem.kind == "leaf"] == [12]
    assert found.decisions is not None
    assert found.decisions.stopped == 12


def test_a_changed_row_is_found_by_the_tree_and_by_the_rules(path: Path) -> None:
    evicting(path).close()
    tamper(path, 'UPDATE event SET data = replace(data, \'"victims":["fake:rare"]\', \'"victims":[]\')')
    found = verify(path)
    assert [problem.position for problem in found.tree.problems if problem.kind == "leaf"] == [27]
    assert found.decisions is not None
    (divergence,) = found.decisions.divergences
    assert divergence.position == 27
    assert divergence.lines == ('EvictionPlanned: data.victims[0]: ∅ → "fake:rare"',)


def test_an_event_that_cannot_have_happened_ends_the_check_there(path: Path) -> None:
    evicting(path).close()
    tamper(
        path,
        'UPDATE event SET type = \'ModelUnloaded\', data = \'{"model":"fake:new","unload_ms":1}\''
        " WHERE position = 11",
    )
    found = verify(path)
    assert found.decisions is not None
    assert found.decisions.stopped == 11
    assert "IllegalTransition: fake:new is absent" in found.decisions.divergences[-1].lines[0]


def test_rules_that_fail_on_a_fact_are_a_divergence_and_the_check_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(state: State, fact: Event) -> Step:
        if fact.position == 20:
            raise LookupError("no such rule")
        return take(state, fact)

    evicting(path).close()
    monkeypatch.setattr("bursar.projections.redecide.take", stumble)
    with closing(Reader(path)) as reader:
        found = redecide(reader)
    (divergence,) = found.divergences
    assert (divergence.position, divergence.lines) == (20, ("deciding raises LookupError: no such rule",))
    assert (found.facts, found.stopped) == (27, None)


def test_a_page_that_cannot_be_read_is_a_report_of_what_is_before_it(path: Path) -> None:
    wander(path, 0).close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    path.write_bytes(content)
    found = verify(path)
    assert not found.ok
    assert found.tree.problems


def test_a_file_that_cannot_be_opened_is_a_report(path: Path) -> None:
    evicting(path).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = bytes(4096 - 100)
    path.write_bytes(content)
    found = verify(path)
    assert not found.ok
    assert found.tree.problems


def test_progress_runs_to_the_end_twice(path: Path) -> None:
    evicting(path).close()
    seen: list[tuple[int, int]] = []
    verify(path, lambda position, head: seen.append((position, head)))
    assert seen[-1] == (47, 47)


def tamper(path: Path, statement: str) -> None:
    """Change the file behind the journal's back."""
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER event_update")
    connection.execute(statement)
    connection.close()
