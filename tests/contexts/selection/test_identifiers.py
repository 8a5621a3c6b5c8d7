"""What a text names."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.selection.identifiers import MAX_LETTERS, identifiers

from .texts import texts

#: (text, what it names)
ROWS: list[tuple[str, list[str]]] = [
    ("My user ID is aarav_garcia_1177, and the booking M05KNL.", ["aarav_garcia_1177", "M05KNL"]),
    ("Due May 5th, 2024 or 6 June 2025; not in may.", ["May 5th, 2024", "6 June 2025"]),
    ("It was 2024-05-23T10:31:36Z, about 14:30.", ["2024-05-23T10:31:36Z", "14:30"]),
    ("Paid $1,234.50, then -3.5% and +44 (1 of 2).", ["$1,234.50", "-3.5%", "+44", "1", "2"]),
    ("Write to <mia.li+x@mail.example> or call.", ["mia.li+x@mail.example"]),
    ("See https://x.example/a/b?c=1&d=2. Done", ["https://x.example/a/b?c=1&d=2"]),
    ("Open ~/notes and ./run and /etc/hosts, not and/or.", ["~/notes", "./run", "/etc/hosts"]),
    ("In src/app/main.py or C:\\Temp\\x it is", ["src/app/main.py", "C:\\Temp\\x"]),
    ("6f9619ff-8b86-d011-b42d-00c04fc964ff, deadbee5", ["6f9619ff-8b86-d011-b42d-00c04fc964ff", "deadbee5"]),
    ("Call **get_user_details** from JFK via `iPhone`.", ["get_user_details", "JFK", "iPhone"]),
    ("\u8ba2\u5355\u53f712345\u5df2\u53d1\u8d27\uff0cAB-9\u3002", ["12345", "AB-9"]),
    ("No names, no pack drill: I am OK.", []),
    ("again 77 and 77", ["77"]),
    ('{"user_id": "mia_9", "n": 12.50, "ok": true}', ["mia_9", "12.50"]),
    ('{"name": "Mia", "city": "New York", "cabin": "economy", "to": "ATL"}', ["Mia", "New York", "ATL"]),
    ('[{"at": "833 Highland Drive"}, {"note": "Please send it to Box 4 now"}]', ["833 Highland Drive", "4"]),
    ('{"gift_card_8887175": {"address1": "x"}}', ["gift_card_8887175"]),
    ('{"a": [100,200,300]}', ["100", "200", "300"]),
    ('{"id": "A1", "list": ["B2", "C', ["A1", "B2", "C"]),
    ('{"text": "a \\"quoted\\" B7 word"}', ["B7"]),
    ('find({"user_id": "mia_9", "date": "2024-05-23"})\nthen X9', ["mia_9", "2024-05-23", "X9"]),
    ("x" * MAX_LETTERS + "1", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "named"), ROWS)
def test_a_text_names(text: str, named: list[str]) -> None:
    assert list(identifiers(text)) == named


@given(texts)
def test_identifiers_stand_in_the_text_each_once_and_whole(text: str) -> None:
    found = identifiers(text)
    assert len(set(found)) == len(found)
    for value in found:
        assert value
        assert value in text
        assert value == value.strip()


codes = st.from_regex(r"[A-Z]{2}[0-9]{3,6}", fullmatch=True)


@given(st.lists(codes, unique=True, max_size=20), st.booleans(), st.sampled_from((None, 1)))
def test_they_come_in_the_order_of_the_text(found: list[str], as_json: bool, indent: int | None) -> None:
    text = json.dumps({"list": found}, indent=indent) if as_json else " and ".join(found)
    assert list(identifiers(text)) == found


# Each would take hours if anything were tried twice.
@pytest.mark.parametrize(
    "piece",
    [
        '"',
        '"\\',
        "\\",
        ".",
        "1,",
        "1,000,",
        "[",
        "a@",
        "a.",
        "/",
        "-",
        "_a",
        "aB",
        "A.",
        "5 Ma",
        " ",
        "\u4f60",
    ],
)
def test_a_long_text_is_read_once(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    assert all(len(value) <= MAX_LETTERS for value in identifiers(text))
    assert len(identifiers("{" + text)) <= 2
