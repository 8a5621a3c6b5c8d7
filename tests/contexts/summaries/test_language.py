"""Whether a summary is in its messages' language: in doubt it is."""

import pytest

from bursar.domain.selection.abstract_language import same_language

ENGLISH = "The user wants to book a flight for the family and that is not to be with the train."
GERMAN = "Der Nutzer will einen Flug f\u00fcr die Familie und das ist nicht mit der Bahn zu machen."
FRENCH = "Le client ne veut pas le train pour les vacances, et il est sur une liste que vous avez."
RUSSIAN = (
    "\u041f\u043e\u043b\u044c\u0437\u043e\u0432\u0430\u0442\u0435\u043b\u044c "
    "\u0445\u043e\u0447\u0435\u0442 \u0431\u0438\u043b\u0435\u0442"
)
CHINESE = "\u7528\u6237\u60f3\u8981\u9884\u8ba2\u673a\u7968\uff0c\u4e0d\u8981\u706b\u8f66"
ALL = (ENGLISH, GERMAN, FRENCH, RUSSIAN, CHINESE)


@pytest.mark.parametrize("source", ALL)
@pytest.mark.parametrize("summary", ALL)
def test_another_language_is_seen(source: str, summary: str) -> None:
    assert same_language(source, summary) is (source == summary)


@pytest.mark.parametrize(
    ("source", "summary"),
    [
        (ENGLISH, ""),
        ("", ENGLISH),
        ("12345", ENGLISH),
        (ENGLISH, "HAT136"),
        (GERMAN, "Flug HAT136, Bahn"),
        (GERMAN, "Flight HAT136"),
        (f"{RUSSIAN} {ENGLISH}", RUSSIAN),
        (f"{RUSSIAN} {ENGLISH}", ENGLISH),
        (CHINESE, f"{CHINESE} HAT136"),
    ],
)
def test_in_doubt_it_is_the_same(source: str, summary: str) -> None:
    assert same_language(source, summary)
