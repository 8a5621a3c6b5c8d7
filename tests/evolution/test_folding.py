"""The fast fold is the fold: the same states, to the byte, and the same refusals."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bursar.domain.events import Body, Event
from bursar.domain.fixed import ONE, decay
from bursar.domain.folding import Folder, Row
from bursar.domain.kernel import initial
from bursar.domain.models.machine import IllegalTransition
from bursar.domain.reasons import Reason
from bursar.domain.registry import REGISTRY, UnknownEvent, encode
from bursar.domain.state import State
from bursar.projections.history import fold, state_to_json

from ..domain import strategies as draw
from ..domain.everything import EVERYTHING
from ..domain.scripts import Script


def rows(history: Iterable[Event]) -> list[Row]:
    return [
        (event.position, event.at, event.body.name, event.body.version, encode(event.body))
        for event in history
    ]


@settings(max_examples=40)
@given(draw.scripts(), st.data())
def test_a_generated_history_folds_to_the_same_bytes_from_wherever_one_starts(
    script: Script, data: st.DataObject
) -> None:
    history = script.play().history
    start = data.draw(st.integers(0, len(history)))
    half = fold(history[:start])
    folder = Folder(half)
    for row in rows(history[start:]):
        folder.fold(row)
    assert state_to_json(folder.state) == state_to_json(fold(history))
    assert folder.state == fold(history)
    assert half == fold(history[:start]), "the state that was given has been changed"


def test_every_state_on_the_way_is_the_same_where_nearly_everything_happens() -> None:
    """And a state that was handed out stays as it was."""
    history = EVERYTHING.play().history
    folder, state, kept = Folder(initial()), initial(), list[tuple[State, bytes]]()
    for event, row in zip(history, rows(history), strict=True):
        folder.fold(row)
        state = fold([event], state)
        assert folder.state == state
        kept.append((folder.state, state_to_json(state)))
    assert all(state_to_json(state) == written for state, written in kept)


def test_no_reason_is_made_and_everything_else_is() -> None:
    """What stands in the reason does not matter to the fold, as long as it is JSON."""
    history = EVERYTHING.play().history
    folder, seen = Folder(initial()), 0
    for event, (position, at, name, version, stored) in zip(history, rows(history), strict=True):
        data = stored or ""
        reason: Reason | None = getattr(event.body, "reason", None)
        if reason is not None:
            seen += 1
            assert data.count(reason.model_dump_json()) == 1
            data = data.replace(reason.model_dump_json(), '{"rule":7,"tests":"none"}')
        folder.fold((position, at, name, version, data))
    assert seen > 100
    assert folder.state == fold(history)


def test_a_redacted_event_changes_position_and_time_only() -> None:
    history = EVERYTHING.play().history[:40]
    folder = Folder(fold(history))
    folder.fold((41, 10**19, "RequestQueued", 1, None))
    assert (folder.state.position, folder.state.at) == (41, 10**19)
    assert folder.state.models == fold(history).models
    assert folder.state.requests == fold(history).requests


@pytest.mark.parametrize(
    ("name", "version", "data", "error"),
    [
        ("ModelTeleported", 1, "{}", UnknownEvent),
        ("TimerFired", 2, "{}", UnknownEvent),
        ("ModelUnloaded", 1, '{"model":"a"}', ValidationError),
        ("ModelUnloaded", 1, '{"model":"a","unload_ms":1,"color":"red"}', ValidationError),
        ("LeaseGranted", 1, '{"request":"1","model":"a","waited_ms":1,"reason":{}}', ValidationError),
        ("ModelUnloaded", 1, '{"model":"a","unload_ms":1}', KeyError),
        ("ModelLost", 1, '{"model":"a","cause_text":""}', IllegalTransition),
    ],
)
def test_what_cannot_be_read_or_cannot_have_happened_is_refused(
    name: str, version: int, data: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Folder(initial()).fold((1, 1, name, version, data))


@pytest.mark.parametrize("body", REGISTRY.values(), ids=lambda body: body.name)
def test_reason_is_the_only_field_that_the_fold_does_without(body: type[Body]) -> None:
    """Every other field that is missing is refused, if it has no default."""
    needed = [name for name, field in body.model_fields.items() if field.is_required() and name != "reason"]
    if needed:
        with pytest.raises(ValidationError) as raised:
            Folder(initial()).fold((1, 1, body.name, body.version, "{}"))
        assert {str(error["loc"][0]) for error in raised.value.errors()} == set(needed)


@given(st.integers(0, 2**40), st.integers(-5, 2**41), st.sampled_from((1, 7, 600_000, 43_200_000)))
def test_decay_rounds_as_it_always_did(value: int, elapsed_ms: int, tau_ms: int) -> None:
    """The journals of users hold what came of it: every power of two in turn, lowest first, rounded down."""
    assert decay(value, elapsed_ms, tau_ms) == _decayed(value, elapsed_ms, tau_ms)


@pytest.mark.parametrize("elapsed_ms", [1, 4095, 4096, 4097, 8191, 600_000, 86_400_000])
def test_decay_rounds_as_it_always_did_at_the_edges(elapsed_ms: int) -> None:
    assert decay(ONE, elapsed_ms, 600_000) == _decayed(ONE, elapsed_ms, 600_000)


def _decayed(value: int, elapsed_ms: int, tau_ms: int) -> int:
    if elapsed_ms <= 0 or not value:
        return value
    if elapsed_ms >> 40:
        return 0
    left = 1 << 62
    for power in range(elapsed_ms.bit_length()):
        if elapsed_ms >> power & 1:
            left = left * decay(1 << 62, 1 << power, tau_ms) >> 62
    return value * left >> 62
