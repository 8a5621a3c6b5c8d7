"""What matters before anybody asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.contexts.values import Genre
from bursar.domain.selection.features import LOOKED_AT, features
from bursar.domain.selection.genres import GENRES
from bursar.domain.selection.importance import combine, importance, score
from bursar.domain.selection.sentences import sentences
from bursar.domain.selection.values import WHOLE, Turn

from .texts import texts, turns

EVERY: tuple[Genre, ...] = ("dialogue", "agent", "document")


def talk(*said: str) -> list[Turn]:
    """Ann and Ben in turns."""
    return [Turn("user", text, "Ben" if place % 2 else "Ann") for place, text in enumerate(said)]


def first_of(said: list[Turn], genre: Genre = "dialogue") -> str:
    scores = importance(said, genre)
    return said[scores.index(max(scores))].text


def test_a_statement_with_a_name_and_a_date_matters_more_than_courtesy_and_questions() -> None:
    fact = "I moved to Lisbon in March 2023 for a job at the aquarium."
    others = ("Hey Ben! How are you?", "Wow, that sounds amazing, you are so brave!", "Thanks, you too! Bye!")
    assert first_of(talk(others[0], fact, *others[1:])) == fact


def test_what_answers_a_question_matters_more_than_the_same_after_a_statement() -> None:
    asked = talk("Which pet do you keep?", "A tortoise called Plato.", "It rained.", "A lizard called Kant.")
    answer, statement = (importance(asked, "dialogue")[place] for place in (1, 3))
    assert answer > statement


def test_asking_oneself_is_no_question_that_another_answers() -> None:
    alone = [Turn("user", text, "Ann") for text in ("Where was it?", "The harbour has cranes.")]
    other = [alone[0], alone[1]._replace(speaker="Ben")]
    worths = [importance([*each, Turn("user", "An orchard, a mill, a windy ridge.", "Cy")], "dialogue")[1]
              for each in (alone, other)]  # fmt: skip
    assert worths[0] < worths[1]


def test_what_was_said_before_matters_less_than_when_it_was_said_first() -> None:
    said = "The boiler leaks at the back valve."
    scores = importance(
        talk(said, "The garden has seven apple trees.", "Rain fell on chimneys.", said), "dialogue"
    )
    assert scores[0] > scores[3]


def test_names_of_those_who_speak_are_no_news() -> None:
    scores = importance(talk("The cat saw Ben yesterday.", "The dog saw Eve yesterday."), "dialogue")
    assert scores[0] < scores[1]


def test_a_question_counts_less_than_the_same_words_told() -> None:
    told = talk("Trams stop near the gate.", "The ferry calls at Whitby Abbey pier.")
    asked = [told[0], told[1]._replace(text="The ferry calls at Whitby Abbey pier?")]
    assert importance(told, "dialogue")[1] > importance(told, "dialogue")[0]
    assert importance(asked, "dialogue")[1] < importance(asked, "dialogue")[0]


def test_in_a_document_what_stands_near_news_matters_more_than_what_stands_alone() -> None:
    stale = Turn("user", "So so so.")
    news = [Turn("user", f"Topic{chr(97 + n)} budget{chr(97 + n)} remote{chr(97 + n)}.") for n in range(6)]
    scores = importance([*[stale] * 40, *news, stale, *[stale] * 40], "document")
    assert scores[46] > 2 * scores[5]


@pytest.mark.parametrize("genre", EVERY)
@pytest.mark.parametrize("said", [(), ("",), ("", "\x00", "!?")])
def test_where_nothing_is_said_nothing_matters(genre: Genre, said: tuple[str, ...]) -> None:
    assert importance(talk(*said), genre) == [0] * len(said)


@given(st.lists(turns, max_size=12), st.sampled_from(EVERY))
def test_scores_are_millionths_of_the_best_and_the_same_every_time(said: list[Turn], genre: Genre) -> None:
    scores = importance(said, genre)
    assert len(scores) == len(said)
    assert all(0 <= one <= WHOLE for one in scores)
    assert max(scores, default=0) in (0, WHOLE)
    assert score([features(turn) for turn in said], genre) == scores


@given(texts)
def test_sentences_are_the_text_without_the_space_between_them(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_a_sentence_ends_at_its_mark_and_not_within_a_number_an_address_or_a_list() -> None:
    text = 'It cost 3.50 at a.example. Really?! "Yes." No\n1. One is here. \u4f60\u597d\u3002\u518d\u89c1'
    found = [
        "It cost 3.50 at a.example.",
        "Really?!",
        '"Yes."',
        "No",
        "1. One is here.",
        "\u4f60\u597d\u3002",
    ]
    assert list(sentences(text)) == [*found, "\u518d\u89c1"]


def test_of_a_text_without_end_both_ends_are_looked_at_and_its_whole_length_counts() -> None:
    seen = features(Turn("user", f"Alpha begins.{' filler' * LOOKED_AT} Omega ends."))
    assert seen.sentences[0].text == "Alpha begins."
    assert seen.sentences[-1].text.endswith("Omega ends.")
    assert sum(len(one.text) for one in seen.sentences) <= LOOKED_AT
    assert seen.length > LOOKED_AT


def test_every_genre_has_its_weights() -> None:
    assert tuple(GENRES) == EVERY


@given(st.integers(0, WHOLE), st.integers(0, WHOLE), st.integers(0, 1000), st.integers(0, 1000))
def test_what_the_author_said_comes_on_top(own: int, other: int, said: int, more: int) -> None:
    assert combine(own, None) == combine(own, 500) == own
    assert combine(own, 1000) == WHOLE
    assert combine(own, 0) == 0
    if said <= more:
        assert combine(own, said) <= combine(own, more)
    if own <= other:
        assert combine(own, said) <= combine(other, said)
