"""The estimator: what it expects of a vocabulary, and how reports change that."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.counting.measures.features import NAMES, Features, features, total
from bursar.domain.counting.measures.known import WEIGHTS
from bursar.domain.counting.measures.linear import learnt, prior
from bursar.domain.counting.state import Report

CHAT = "I'd like to move my booking to the 14th, if there is still a seat; the price doesn't matter much. "
CODE = "def total(items: list[int], *, start: int = 0) -> int:\n    return sum(item.size for item in items)\n"
TOOL = '{"user_id": "mia_li_3668", "flights": [{"number": "HAT136", "price": 171.5, "date": "2024-05-20"}]}'
RUSSIAN = "Совещание начинается в девять часов, и все документы должны быть проверены заранее. "
KINDS = {"chat": CHAT, "code": CODE, "tool": TOOL}
TEMPLATE = 6


def _tokens(vocabulary: str, found: Features, messages: int) -> int:
    """What a vocabulary that follows its weights exactly makes of a prompt."""
    weights = WEIGHTS[vocabulary]
    return round(sum(map(float.__mul__, weights, map(float, found)))) + TEMPLATE * messages


def _report(vocabulary: str, text: str, messages: int) -> Report:
    found = total([features(text)] * messages)
    return Report(found, messages, 0, _tokens(vocabulary, found, messages))


def _error(vocabulary: str, text: str, reports: Sequence[Report]) -> float:
    """Of a prompt of twenty messages, where nothing is known of the vocabulary but the reports."""
    found = total([features(text)] * 20)
    true = _tokens(vocabulary, found, 20)
    return abs(learnt(reports, vocabulary).expect(found, 20).tokens - true) / true


@pytest.mark.parametrize("vocabulary", WEIGHTS)
@pytest.mark.parametrize("kind", KINDS)
def test_three_reports_teach_a_vocabulary_that_is_not_known(vocabulary: str, kind: str) -> None:
    reports = [_report(vocabulary, KINDS[kind], messages) for messages in (4, 8, 12)]
    assert _error(vocabulary, KINDS[kind], reports) < 0.05


@pytest.mark.parametrize("vocabulary", WEIGHTS)
def test_reports_on_one_kind_do_not_spoil_what_is_known_of_another(vocabulary: str) -> None:
    reports = [_report(vocabulary, RUSSIAN, messages) for messages in (4, 8, 12)]
    for text in (CHAT, CODE):
        assert _error(vocabulary, text, reports) < max(0.08, _error(vocabulary, text, ()) + 0.03)


def test_what_is_seldom_met_is_in_doubt_until_it_is_reported() -> None:
    found = total([features(RUSSIAN)] * 20)
    before = learnt(()).expect(found, 20)
    after = learnt([_report("p50k", RUSSIAN, 8)]).expect(found, 20)
    assert before.doubt_per_mille > 500
    assert after.doubt_per_mille < before.doubt_per_mille // 5
    assert after.error_per_mille < before.error_per_mille // 3


def test_a_long_prompt_is_surer_than_a_short_one() -> None:
    one, many = features(CHAT), total([features(CHAT)] * 50)
    assert prior().expect(one, 1).error_per_mille > prior().expect(many, 50).error_per_mille


def test_the_error_covers_the_vocabularies_that_are_known() -> None:
    for vocabulary in WEIGHTS:
        for text in KINDS.values():
            found = total([features(text)] * 20)
            expected = prior(vocabulary).expect(found, 20)
            most = expected.tokens * (1000 + expected.error_per_mille) / 1000
            assert _tokens(vocabulary, found, 20) <= most


def test_a_report_of_other_features_than_ours_is_passed_over() -> None:
    odd = Report((1, 2, 3), 1, 5, 9)
    assert learnt([odd]).expect(features(CHAT), 1) == prior().expect(features(CHAT), 1)


@given(st.text(max_size=200), st.integers(0, 3))
def test_something_is_never_expected_to_be_nothing(text: str, messages: int) -> None:
    expected = prior().expect(features(text), messages)
    assert expected.tokens >= (1 if messages or any(features(text)) else 0)
    assert 0 <= expected.doubt_per_mille <= expected.error_per_mille <= 10_000
    assert prior().at_most(text) >= prior().expect(features(text), 0).tokens


@given(st.lists(st.tuples(st.text(min_size=1, max_size=100), st.integers(1, 5000)), max_size=40))
def test_no_reports_whatever_make_the_estimator_fail(reports: list[tuple[str, int]]) -> None:
    estimator = learnt(Report(features(text), 1, 1, tokens) for text, tokens in reports)
    expected = estimator.expect(features(CODE), 1)
    assert expected.tokens > 0
    assert len(NAMES) == len(features(CODE))
