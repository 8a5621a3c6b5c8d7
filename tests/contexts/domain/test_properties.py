"""Whatever happens to contexts, their windows can be sent, and nothing leaves them that must stay."""

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.contexts.values import Genre
from bursar.domain.kernel import evolve, initial
from bursar.projections.history import state_from_json, state_to_json

from .histories import GENRES, Act, History, histories


@given(histories(), st.sampled_from(GENRES))
def test_every_step_keeps_the_rules(acts: tuple[Act, ...], genre: Genre) -> None:
    """They are checked after every step; the state survives being stored, and is the fold of its events."""
    history = History(genre=genre)
    history.play(acts)
    stored = state_to_json(history.state)
    assert state_from_json(stored) == history.state
    assert state_to_json(state_from_json(stored)) == stored
    state = initial()
    for event in history.events:
        state = evolve(state, event)
    assert state == history.state
