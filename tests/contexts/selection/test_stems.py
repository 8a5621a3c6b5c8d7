"""The stems of words, by the examples of the algorithm's publication."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.selection.stems import stem

EXAMPLES = """
caresses caress, ponies poni, ties ti, cats cat, feed feed, agreed agre, plastered plaster,
bled bled, motoring motor, sing sing, conflated conflat, troubled troubl, sized size, hopping hop,
falling fall, hissing hiss, fizzed fizz, failing fail, filing file, happy happi, flying fly, sky sky,
relational relat, conditional condit, rational ration, digitizer digit, radically radic,
differently differ, analogously analog, predication predic, operator oper, feudalism feudal,
decisiveness decis, hopefulness hope, sensibility sensibl, triplicate triplic, formative form,
formalize formal, electricity electr, electrical electr, goodness good, revival reviv,
allowance allow, inference infer, airliner airlin, adjustable adjust, defensible defens,
irritant irrit, replacement replac, adjustment adjust, dependent depend, adoption adopt,
communism commun, activate activ, effective effect, probate probat, rate rate, cease ceas,
controlling control, rolling roll, camping camp, camped camp, toys toi, yes ye,
archaeology archaeolog
"""


@pytest.mark.parametrize(
    ("word", "expected"), [tuple(pair.split()) for pair in EXAMPLES.replace("\n", " ").split(",")]
)
def test_words_have_the_stems_of_the_publication(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(
    "word", ["is", "don't", "caf\u00e9s", "2ing", "\u6771\u4eac", "\u0434\u043e\u043c\u0430", ""]
)
def test_what_is_no_english_word_stays_as_it_is(word: str) -> None:
    assert stem(word) == word


@given(st.text(alphabet="aeioubdginrstyl", max_size=20))
def test_a_stem_is_never_longer_than_its_word_and_never_empty(word: str) -> None:
    assert len(stem(word)) <= len(word)
    assert bool(stem(word)) == bool(word)
