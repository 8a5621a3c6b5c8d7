"""How far scores spread, and that they do so evenly to both sides."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.selection.spreading import participants, spread, width


@given(st.lists(st.floats(0, 100), max_size=40), st.floats(1, 16))
def test_spreading_is_the_sum_over_all_turns_fading_with_their_distance(
    scores: list[float], turns: float
) -> None:
    plain = [
        sum(score * exp(-abs(here - there) / turns) for there, score in enumerate(scores))
        for here in range(len(scores))
    ]
    assert spread(scores, turns) == pytest.approx(plain)


def test_a_hit_tells_of_its_neighbours_and_most_of_itself() -> None:
    before, own, after, far = spread([0.0, 1.0, 0.0, 0.0], 2.0)
    assert own == 1.0
    assert before == after == pytest.approx(exp(-0.5))
    assert far == pytest.approx(exp(-1.0))


@pytest.mark.parametrize(
    ("people", "words", "turns"),
    [
        (2.0, 20, 2.0),
        # More people take longer to go round.
        (4.0, 20, 4.0),
        # "Yeah." "Okay." "Right."
        (4.0, 3, 16.0),
        (2.0, 200, 1.0),
        (1.0, 0, 16.0),
    ],
)
def test_the_width_is_a_sentence_by_each_who_takes_part(people: float, words: float, turns: float) -> None:
    assert width(people, words) == pytest.approx(turns)


def test_who_hardly_speaks_hardly_takes_part() -> None:
    assert participants([50, 50]) == pytest.approx(2.0)
    assert participants([25, 25, 25, 25]) == pytest.approx(4.0)
    assert 2.0 < participants([50, 50, 1]) < 2.2
    assert participants([7]) == 1.0
    assert participants([7, 0]) == 1.0
