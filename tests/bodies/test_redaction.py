"""A history with holes where data was redacted folds to the same state as the whole one."""

import dataclasses
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.erasure.events import Redacted
from bursar.domain.erasure.redaction import REDACTABLE, obstacle
from bursar.domain.events import Event
from bursar.domain.kernel import EVOLVE, evolve, initial, take
from bursar.domain.registry import REGISTRY
from bursar.domain.state import State
from bursar.projections.history import fold

from ..domain.everything import EVERYTHING

NAMES = sorted(name for name, _ in REGISTRY)


@cache
def history() -> list[Event]:
    """One in which nearly everything happens."""
    return list(EVERYTHING.play().history)


@cache
def redactable() -> list[int]:
    return [number for number, event in enumerate(history()) if event.body.name in REDACTABLE]


def redacted(event: Event) -> Event:
    body = event.body
    about = body.subject(event.position)
    gone = Redacted(type=body.name, schema_version=body.version, about=about)
    return dataclasses.replace(event, body=gone)


@settings(deadline=None, max_examples=10)
@given(st.data())
def test_every_state_on_the_way_is_the_same_whatever_was_redacted(data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.sampled_from(redactable()), min_size=1))
    whole = holed = initial()
    for number, event in enumerate(history()):
        whole = evolve(whole, event)
        holed = evolve(holed, redacted(event) if number in chosen else event)
        assert whole == holed


def test_nothing_was_ever_decided_from_what_may_be_redacted() -> None:
    """Of decisions that is a matter of course; a fact that may be redacted leads to none."""
    state, kinds = initial(), set[str]()
    for event in history():
        if event.body.name in REDACTABLE:
            kinds.add(event.body.kind)
        if event.body.name in REDACTABLE and event.body.kind == "fact":
            assert take(state, event).decisions == take(state, redacted(event)).decisions == ()
        state = evolve(state, event)
    assert kinds == {"fact", "decision"}


def test_folding_everything_redacted_is_folding_nothing() -> None:
    events = [redacted(event) for event in history()]
    last = events[-1]
    assert fold(events) == State(position=last.position, at=last.at)


@pytest.mark.parametrize("name", NAMES)
def test_every_type_can_be_redacted_or_says_why_not(name: str) -> None:
    problem = obstacle(name)
    assert (problem is None) == (name in REDACTABLE)
    assert obstacle(f"{name} of a later version") == (
        "this bursar does not know what the state needs of it; update bursar"
    )


def test_whatever_changes_the_state_is_refused() -> None:
    """A fold that ignores what it is given is the only one that may lose it."""
    state, redactables = State(position=1), [body for body in REGISTRY.values() if body.name in REDACTABLE]
    for body in redactables:
        event = Event(2, 0, None, 2, "bursar", body.model_construct())
        assert EVOLVE[body](state, event.body, event) is state
