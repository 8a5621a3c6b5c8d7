"""What a pattern is to its user: how it is named and filled in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import InvalidPattern
from bursar.patterns.values import Pattern, checked_name, encoded, per_mille


def pattern(text: str) -> Pattern:
    """A prompt with a text."""
    return Pattern("greeting", "prompt", len(text), 0.5, "", 0, 0, 0, text)


def test_values_stand_where_the_words_stood() -> None:
    greeting = pattern("Dear {name}, {{so}} {name}: {what_2}!")
    assert greeting.placeholders == ("name", "what_2")
    assert greeting.fill(name="Ann", what_2=7) == "Dear Ann, {so} Ann: 7!"


@pytest.mark.parametrize(
    "text",
    [
        # What `str.format` would look up in a value, and what is no word.
        "{name.__class__}",
        "{name[0]}",
        "{name!r}",
        "{name:>10}",
        "{}",
        "{0}",
        '{"role": "user"}',
        "{ name }",
        "a { b } c",
        "{",
        "}",
        "{na\nme}",
    ],
)
def test_nothing_but_words_is_looked_up(text: str) -> None:
    assert pattern(text).placeholders == ()
    assert pattern(text).fill() == text


def test_what_is_put_in_is_not_looked_at_again() -> None:
    assert pattern("{a} {b}").fill(a="{b}", b="{{x}}") == "{b} {{x}}"


@pytest.mark.parametrize(
    ("values", "problem"),
    [({}, "no value for name, b"), ({"name": 1, "b": 2, "nmae": 3}, "no nmae in it")],
)
def test_a_word_without_a_value_and_a_value_without_its_word_are_refused(
    values: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        pattern("{name} {b}").fill(**values)


@given(st.text(), st.text())
def test_a_value_is_put_in_as_it_is(before: str, value: str) -> None:
    braced = before.replace("{", "{{").replace("}", "}}")
    assert pattern(braced + "{word}").fill(word=value) == before + value


@pytest.mark.parametrize(
    "name", ["", " a", "a/b", "a\nb", "a\0b", "a\u202eb", "a\u0308", "x" * 1000, 3, None]
)
def test_a_name_that_nobody_could_read_is_refused(name: object) -> None:
    with pytest.raises(InvalidPattern) as refused:
        checked_name(name)
    assert str(refused.value).isprintable()
    assert refused.value.code == "INVALID_PATTERN"


@pytest.mark.parametrize("name", ["a", "review python", "größe 2", "x" * 128])
def test_others_are_not(name: str) -> None:
    assert checked_name(name) == name


def test_a_text_that_cannot_be_written_is_refused_without_a_word_of_it() -> None:
    with pytest.raises(InvalidPattern, match="at character 6") as refused:
        encoded("secret\ud800")
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(pattern("secret"))
    with pytest.raises(InvalidPattern, match="is not text"):
        encoded(b"bytes")


@pytest.mark.parametrize("importance", [-0.1, 1.1, float("nan"), True, "1", None])
def test_an_importance_is_a_number_from_0_to_1(importance: object) -> None:
    with pytest.raises(InvalidPattern):
        per_mille(importance)
    assert (per_mille(0), per_mille(0.3), per_mille(1)) == (0, 300, 1000)
