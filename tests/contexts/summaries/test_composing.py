"""A summary of a model's facts has the user's own words and every identifier beside them, and fits."""

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.selection.abstract_composing import compose
from bursar.domain.selection.abstract_judging import Fact, judge
from bursar.domain.selection.extraction import Extract
from bursar.domain.selection.identifiers import identifiers

from .support import GOOD, TURNS, count, stating, tokens

FACTS = judge(stating(*GOOD), "stop", TURNS, max_tokens=999, count=count, replaces_tokens=9999).facts


def composed(facts: tuple[Fact, ...] = FACTS, max_tokens: int = 999) -> Extract:
    return compose(facts, TURNS, max_tokens=max_tokens, count=count)


def test_the_facts_come_first_then_the_user_s_words_then_what_neither_names() -> None:
    made = composed()
    lines = made.text.splitlines()
    assert lines[0].startswith("[Facts from 6 messages (m3 to m8)")
    assert lines[1] == "- goal: The user wants flight HAT136 from JFK to ATL on 2024-05-16 [m3]"
    own = lines.index("The user said:")
    assert lines[own + 2] == f"[m7] mia: {TURNS[4][1].text}"
    assert lines[-1] == "- tool: [m5] B12, /var/log/flights.log"
    assert made.cited == (3, 5, 6, 7, 8)
    assert made.facts == len(GOOD) + 2 + 1


def test_no_identifier_of_the_messages_is_lost_where_there_is_room() -> None:
    text = composed(FACTS[:1]).text
    every = {name for _, turn in TURNS for name in identifiers(turn.text)}
    # What only spells a number that is there, and numbers of one digit or two, may be left out.
    assert {name for name in every if name not in text} == set()


def test_without_a_fact_that_fits_there_is_none() -> None:
    assert composed(()).text == ""
    assert composed(FACTS, 30).text == ""


@given(st.integers(0, 400), st.lists(st.sampled_from(FACTS), unique=True, max_size=5))
def test_it_never_has_more_tokens_than_it_may(max_tokens: int, facts: list[Fact]) -> None:
    made = composed(tuple(facts), max_tokens)
    assert count(made.text) <= max_tokens
    assert bool(made.text) == bool(made.facts)
    assert tokens() > 0


@given(st.text(min_size=1, max_size=200), st.text(max_size=40))
def test_counts_that_do_not_add_up_change_nothing_about_that(text: str, heading: str) -> None:
    """A tokenizer may have more for a whole than for its parts, or fewer."""

    def strange(given: str) -> int:
        return len(given) // 3 + 7 * given.count("\n") ** 2

    fact = Fact(text.replace("\n", " ") + heading.replace("\n", " "), (3,), "fact")
    made = compose([fact], TURNS, max_tokens=150, count=strange)
    assert strange(made.text) <= 150
