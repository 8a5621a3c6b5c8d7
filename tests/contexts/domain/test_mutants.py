"""The rules that the properties check are worth something: each planted fault breaks one of them."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from bursar.domain.contexts.values import Genre

from . import mutants
from .histories import GENRES, Act, History, histories
from .mutants import Plant

_PLANTS = [
    mutants.the_last_that_fit,
    mutants.the_last_that_fit_and_the_system,
    mutants.calls_are_torn_from_their_results,
    mutants.nothing_is_pinned,
    mutants.the_last_turn_may_go,
    mutants.nobody_waits_for_results,
    mutants.windows_begin_anywhere,
    mutants.any_summary_will_do,
    mutants.results_of_anything,
    mutants.summaries_at_the_end,
]


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("plant", _PLANTS, ids=lambda plant: plant.__name__)
def test_the_properties_catch_a_planted_fault(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, genre: Genre
) -> None:
    """The same random histories as in `test_properties`, which all pass without a fault."""

    @settings(max_examples=150, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    @given(histories())
    def play(acts: tuple[Act, ...]) -> None:
        History(genre=genre).play(acts)

    plant(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        play()


_TALK = (Act("add", 0, 0, 3), Act("add", 0, 2, 3)) * 6
_CALL = (Act("add", 0, 0, 1), Act("add", 0, 3, 1), Act("add", 0, 5, 1))
#: A summary is under way, and its end does not come by itself.
_SUMMING_UP = (*_TALK, Act("compress", 0, 0, 0))
_CASES = [
    (mutants.nobody_settles, (*_SUMMING_UP, Act("restart", 0, 0, 0)), "nobody does it any more"),
    (mutants.moved_on_or_not, (*_SUMMING_UP, Act("pin", 0, 0, 1)), "0 may not leave"),
    (mutants.half_an_atom_comes_back, (*_CALL, *_TALK, Act("prune", 0, 3, 6), Act("want", 0, 0, 0)), "torn"),
    (
        mutants.damage_is_not_looked_at,
        (*_TALK, Act("cache", 0, 0, 1), Act("add", 0, 2, 1)),
        "2 is lost, and is sent",
    ),
]


@pytest.mark.parametrize(("plant", "acts", "message"), _CASES, ids=[case[0].__name__ for case in _CASES])
def test_the_checks_catch_what_happens_seldom(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, acts: tuple[Act, ...], message: str
) -> None:
    """The history breaks no rule until the fault is planted, and then it does."""
    History().play(acts)
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=message):
        History().play(acts)
