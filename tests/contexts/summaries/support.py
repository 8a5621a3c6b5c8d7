"""A conversation to be summarised, and answers as models give them."""

import json
from collections.abc import Sequence

from bursar.domain.selection.values import Turn

#: Ordinals are not those of a list.
TURNS: tuple[tuple[int, Turn], ...] = (
    (
        3,
        Turn(
            "user", "Please book flight HAT136 from JFK to ATL on 2024-05-16; I must not pay over $1,299.00."
        ),
    ),
    (4, Turn("assistant", 'Let me look.\nsearch_flights({"flight": "HAT136", "date": "2024-05-16"})')),
    (5, Turn("tool", '{"flight": "HAT136", "price": 1150, "gate": "B12", "log": "/var/log/flights.log"}')),
    (
        6,
        Turn(
            "assistant",
            "Flight HAT136 leaves at 10:30 and costs 1150 dollars. Shall I book it with your card?",
        ),
    ),
    (7, Turn("user", "Yes, and send the ticket to mia.li@example.com, never to my office.", "mia")),
    (8, Turn("assistant", "Booked: the reservation is 4WQ150, the ticket went to mia.li@example.com.")),
)

#: What a good model states of it.
GOOD: tuple[tuple[str, list[int], str], ...] = (
    ("The user wants flight HAT136 from JFK to ATL on 2024-05-16", [3], "goal"),
    ("The user must not pay over $1,299.00", [3], "constraint"),
    ("Flight HAT136 costs 1150 dollars and leaves at 10:30", [5, 6], "fact"),
    ("The ticket goes to mia.li@example.com, never to the office", [7], "constraint"),
    ("The flight is booked, the reservation is 4WQ150", [8], "state"),
)


def count(text: str) -> int:
    """Stand-in for a tokenizer."""
    return (len(text) + 3) // 4


def stating(*facts: tuple[str, list[int], str]) -> str:
    """An answer as it was asked for."""
    return json.dumps({"facts": [{"fact": text, "ids": ids, "kind": kind} for text, ids, kind in facts]})


def tokens(turns: Sequence[tuple[int, Turn]] = TURNS) -> int:
    """What the messages take."""
    return sum(count(turn.text) + 4 for _, turn in turns)
