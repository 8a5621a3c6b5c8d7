"""What counts as a word, in any script, and what a hostile text costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.selection.words import MAX_LETTERS, STOP, terms, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Melanie's camping, isn't it?", ["melanie", "camping", "isn't", "it"]),
        ("O\u2019Brien\u2019s rock'n'roll", ["o'brien", "rock'n'roll"]),
        ("user_12 at 09:30", ["user", "12", "at", "09", "30"]),
        # The accent is a character of its own here, and becomes one with its letter.
        ("Cafe\u0301 STRASSE", ["caf\u00e9", "strasse"]),
        # No spaces: pairs of neighbours, a single character alone, and Latin among them whole.
        ("\u6771\u4eac\u30bf tower \u65e5", ["\u6771\u4eac", "\u4eac\u30bf", "tower", "\u65e5"]),
        ("\u0e2a\u0e27\u0e31\u0e2a", ["\u0e2a\u0e27", "\u0e27\u0e31", "\u0e31\u0e2a"]),
        # Vowel signs are no letters to Python, and belong to the word.
        ("\u0926\u093f\u0928, \u092e\u0947", ["\u0926\u093f\u0928", "\u092e\u0947"]),
        # What is not seen parts no word: a joiner, a change of direction.
        ("pass\u200bword \u202eabc\u202c", ["password", "abc"]),
        ("\uff26\uff55\uff4c\uff4c width", ["full", "width"]),
        ("\x00 \U0001f600 \ud800 --- '", []),
        # Base64, a hash: the beginning stands for it.
        ("a" * 70 + " \u00e9" + "b" * 70, ["a" * MAX_LETTERS, "\u00e9" + "b" * (MAX_LETTERS - 1)]),
        ("", []),
    ],
)  # fmt: skip
def test_words_are_found_in_any_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_terms_are_stems_without_words_that_say_little() -> None:
    assert terms("Where did she go camping, and with whose tents?") == ["go", "camp", "tent"]


def test_stop_words_are_words_as_they_are_found() -> None:
    """Else they would never be met."""
    assert [word for word in sorted(STOP) if words(word) != [word]] == []


@given(st.text(max_size=200))
def test_any_text_has_words_that_are_short_and_lower_case(text: str) -> None:
    for word in words(text):
        assert word
        # To normalise may turn one character into eighteen, and a word is cut after it, too.
        assert len(word) <= MAX_LETTERS
        assert word.isascii() is False or word == word.lower()


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=200))
def test_ascii_is_read_as_any_other_text(text: str) -> None:
    """It is read by a shorter way."""
    assert words(text + " \u00e9") == [*words(text), "\u00e9"]


@pytest.mark.parametrize(
    "unit", ["x", "a'", "\u6771", "e\u0301", "\u0300\u0316", "\u202e", "A1_", "\x00", "1,"]
)
def test_a_megabyte_of_anything_is_read_to_its_end(unit: str) -> None:
    found = words(unit * (1_000_000 // len(unit)) + " end")
    assert found[-1] == "end"
