"""The index of patterns: what matches, how well, and that nothing of what is gone is left."""

from hypothesis import given
from hypothesis import strategies as st

from bursar.patterns.lookup import Lookup

_WORDS = ("model", "memory", "journal", "cache", "prompt")
_TEXTS = st.lists(st.sampled_from(_WORDS), max_size=6).map(" ".join)


def ranked(lookup: Lookup, query: str) -> list[int]:
    """Numbers of those that match, the best first."""
    scores = lookup.scores(query)
    return sorted(scores, key=lambda number: (-scores[number], number))


def test_rare_words_count_for_more_than_frequent_ones() -> None:
    lookup = Lookup()
    for number, text in enumerate(("model cache", "model memory", "journal cache")):
        lookup.add(number, text)
    assert ranked(lookup, "model journal") == [2, 0, 1]


def test_of_two_with_the_word_the_shorter_one_is_more_about_it() -> None:
    lookup = Lookup()
    lookup.add(0, "cache model memory journal prompt server")
    lookup.add(1, "cache model")
    assert ranked(lookup, "cache") == [1, 0]


def test_more_of_the_word_counts_for_more_but_less_each_time() -> None:
    lookup = Lookup()
    for number, text in enumerate(("cache a b c d", "cache cache b c d", "cache cache cache c d", "none")):
        lookup.add(number, text)
    once, twice, thrice = (lookup.scores("cache")[number] for number in range(3))
    assert 0 < thrice - twice < twice - once


@given(st.lists(_TEXTS, max_size=8), st.sets(st.integers(0, 7)), _TEXTS)
def test_what_was_removed_leaves_nothing_behind(texts: list[str], gone: set[int], query: str) -> None:
    lookup, fresh = Lookup(), Lookup()
    for number, text in enumerate(texts):
        lookup.add(number, text)
    for number, text in enumerate(texts):
        if number in gone:
            lookup.remove(number)
        else:
            fresh.add(number, text)
    assert vars(lookup) == vars(fresh)
    assert lookup.scores(query) == fresh.scores(query)


@given(st.lists(_TEXTS, max_size=8), _TEXTS)
def test_what_matches_has_a_word_of_the_query_and_a_score(texts: list[str], query: str) -> None:
    lookup = Lookup()
    for number, text in enumerate(texts):
        lookup.add(number, text)
    matching = {n for n, text in enumerate(texts) if set(text.split()) & set(query.split())}
    scores = lookup.scores(query)
    assert set(scores) == matching
    assert all(score > 0 for score in scores.values())
