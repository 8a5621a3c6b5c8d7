"""What is counted in a text."""

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.counting.measures.features import NAMES, NOTHING, features, total

#: Surrogates included: messages are refused for them elsewhere, and not by a counter that fails.
texts = st.text(st.characters(), max_size=300)


def _named(text: str) -> dict[str, int]:
    return {name: number for name, number in zip(NAMES, features(text), strict=True) if number}


def test_words_numbers_and_marks_are_told_apart() -> None:
    assert _named("Hello, camelCase 42!") == {
        "words": 3,
        "fours": 3,
        "eights": 1,
        "digits": 2,
        "numbers": 1,
        "spaced": 1,
        "marks": 2,
        "marks_runs": 2,
    }
    assert _named("a1b_c\n\n    x") == {
        "words": 4,
        "digits": 1,
        "numbers": 1,
        "mixed": 2,
        "marks": 1,
        "marks_runs": 1,
        "attached": 1,
        "lines": 1,
        "indents": 1,
    }


def test_scripts_are_told_apart_by_character() -> None:
    text = "Straße Привет שלום नमस्ते “…” かな 漢字 한글 😀"
    by_script = _named(text)
    scripts = ("latin", "greek", "hebrew", "indic", "symbols", "kana", "han", "hangul", "wide")
    assert [by_script[script] for script in scripts] == [1, 6, 4, 6, 3, 2, 2, 2, 1]


@given(texts)
def test_no_text_has_less_than_nothing_of_anything(text: str) -> None:
    found = features(text)
    assert len(found) == len(NAMES)
    assert min(found) >= 0
    assert (found == NOTHING) == (not text.strip(" \t\v\f") and "  " not in text.replace("\t", " "))


@given(texts, texts)
def test_a_cut_changes_each_feature_by_little(one: str, other: str) -> None:
    together, apart = features(one + other), total([features(one), features(other)])
    assert all(abs(left - right) <= 3 for left, right in zip(together, apart, strict=True))
