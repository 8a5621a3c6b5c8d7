"""Adding to an index, and what ranks as what, whatever the texts are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.selection.index import Index
from bursar.domain.selection.postings import MAX_CHARACTERS, Postings
from bursar.domain.selection.specialisation import PROFILES
from bursar.domain.selection.values import WHOLE, Turn

TURNS = st.builds(
    Turn,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.one_of(st.text(max_size=60), st.sampled_from(["tea at four", "We camped by the lake", "ok", ""])),
    st.sampled_from(["", "Mia", "Li\u202e\x00", "User Interface"]),
)
QUERIES = st.one_of(st.text(max_size=40), st.sampled_from(["who camped?", "what did I say of tea", "Mia"]))


def indexed(*turns: Turn) -> Index:
    index = Index()
    for turn in turns:
        index.add(turn)
    return index


def said(text: str) -> Turn:
    return Turn("user", text)


@given(st.lists(TURNS, max_size=12), QUERIES, st.sampled_from(sorted(PROFILES)))
def test_every_turn_has_a_score_and_the_best_a_million(turns: list[Turn], query: str, profile: str) -> None:
    index = indexed(*turns)
    scores = index.rank(query, profile=profile)
    assert len(scores) == len(index) == len(turns)
    assert all(0 <= score <= WHOLE for score in scores)
    assert not any(scores) or max(scores) == WHOLE


@given(st.lists(TURNS, min_size=1, max_size=8), TURNS, QUERIES)
def test_asking_between_two_turns_changes_nothing(turns: list[Turn], last: Turn, query: str) -> None:
    asked = indexed(*turns)
    asked.rank(query)
    asked.add(last)
    assert asked.rank(query) == asked.rank(query) == indexed(*turns, last).rank(query)


def test_an_empty_index_ranks_nothing() -> None:
    assert Index().rank("anything") == []


@pytest.mark.parametrize("query", ["", "of the and", "zebra", "\x00\u202e", "\U0001f600"])
def test_a_query_about_nothing_that_was_said_has_the_latest_first(query: str) -> None:
    scores = indexed(*[said(f"tea number {word}") for word in ("one", "two", "three")]).rank(query)
    assert scores == sorted(scores)
    assert len(dict.fromkeys(scores)) == 3


def test_a_long_text_is_known_by_its_beginning_and_its_end() -> None:
    filler = " lorem" * MAX_CHARACTERS
    index = indexed(said("nothing"), said(f"zebra{filler} yak{filler} walrus"), said("nothing"))
    for animal in ("zebra", "walrus"):
        assert index.rank(animal)[1] == WHOLE
    # What is in the middle is not known to have been said.
    assert index.rank("yak") == index.rank("gnu")


HOSTILE = ["x", "a ", "\u6771\u4eac", "\U0001f600", "\u202e", "\x00", "a\u0300\u0316", "A1,", "\ud800"]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_is_taken_and_asked_for(unit: str) -> None:
    huge = unit * (1_000_000 // len(unit))
    index = indexed(said("tea at four"), Turn("user", huge, huge), said("the lake"))
    assert index.rank("tea")[0] == WHOLE
    assert len(index.rank(huge)) == 3


def test_what_is_kept_of_a_turn_is_bounded() -> None:
    postings = Postings()
    postings.add(Turn("user", "tea " * 100_000, " ".join(f"name{number}" for number in range(100_000))))
    assert sum(map(len, postings.turns_with)) < 50
    assert all(len(name) <= 128 for _, name in postings.speaker_numbers)


def test_what_a_turn_says_over_and_over_drowns_no_other() -> None:
    index = indexed(
        said("tea " * 5000), *[said("milk")] * 9, said("green tea with honey"), *[said("milk")] * 9
    )
    assert index.rank("green tea")[10] == WHOLE


def test_two_indices_share_nothing() -> None:
    indexed(said("zebra")).rank("zebra")
    assert indexed(said("a"), said("b")).rank("zebra") == indexed(said("a"), said("b")).rank("gnu")
