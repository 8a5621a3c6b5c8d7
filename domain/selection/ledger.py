"""The identifiers of messages that are left out, a line for each tool and speaker.

Every message has its first identifier in the ledger before any has its second, so that a list of a hundred
results does not crowd out the one id that all is about. Ids come before dates and names, these before sums
and times of day; each message's stand in its own order.
"""

import re
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from .identifiers import identifiers
from .quoting import defused, minified, quoted
from .values import Turn

#: Of a message, this many identifiers can get into a ledger at most.
_MOST: Final = 400
#: A label is a tool's or a speaker's name, which its author chose.
LABEL_LETTERS: Final = 48
#: A result of a tool that is no longer is taken as it is.
_SHORT_LETTERS: Final = 60
#: A token has seldom more characters.
_LETTERS: Final = 8
#: After so many in a row that did not fit, nothing else will.
_MISSES: Final = 24

#: The shortest line has as many tokens.
_LEAST_TOKENS: Final = 8
#: A rank; the numbers of one digit or two that everything has.
_UNWORTHY: Final = 4

_NUMBER: Final = re.compile(r"[-+$\u20ac\u00a3]?[0-9][0-9,]*(?:\.[0-9]+)?%?")
#: A time of day, and a moment: most are a log's, and in each record.
_CLOCK: Final = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\S*")
_MIXED: Final = re.compile("/|[A-Za-z_].*[0-9]|[0-9].*[A-Za-z_]")
#: Names and addresses: two ids for each of them.
_LONG: Final = re.compile("[ @]")


class Named(NamedTuple):
    """A message's part of the ledger."""

    ordinal: int
    #: Who speaks, which tool answered, or the role.
    label: str
    text: str


def ledger(
    turns: Sequence[tuple[int, Turn]],
    *,
    max_tokens: int,
    count: Callable[[str], int],
    known: Container[str] = (),
) -> tuple[list[Named], int]:
    """What fits, in order, and the tokens it takes; without those that are known already."""
    chosen, spent = _choose(turns, max_tokens, count, known) if max_tokens >= _LEAST_TOKENS else ({}, 0)
    named = [
        Named(ordinal, label(turn) or turn.role, ", ".join(value for _, value in sorted(chosen[ordinal])))
        for ordinal, turn in turns
        if ordinal in chosen
    ]
    return named, spent


def lines(named: Sequence[Named]) -> list[str]:
    """One line for each tool or speaker."""
    by_label: dict[str, list[str]] = {}
    for ordinal, tool, text in named:
        by_label.setdefault(tool, []).append(f"[m{ordinal}] {text}")
    return [f"- {tool}: {'; '.join(parts)}" for tool, parts in by_label.items()]


def whole(
    turns: Sequence[tuple[int, Turn]], named: Sequence[Named], *, left: int, count: Callable[[str], int]
) -> list[Named]:
    """The same, with tools' results that fit in `left` more tokens as they are, newest first.

    Results on one line only, and JSON without the space between its values: nothing of either is lost.
    """
    results = {ordinal: turn for ordinal, turn in turns if turn.role == "tool"}
    found: list[Named] = []
    for one in reversed(named):
        text = _result(results.get(one.ordinal), len(one.text) + left * _LETTERS)
        more = count(text) - count(one.text) if text else 0
        if text and more <= left:
            left -= more
        else:
            text = one.text
        found.append(one._replace(text=text))
    return found[::-1]


def _result(turn: Turn | None, letters: int) -> str:
    if turn is None or len(turn.text) > 2 * letters:
        return ""
    text = minified(turn.text.strip())
    return "" if len(text.splitlines()) > 1 or len(text) > letters else defused(text)


def label(turn: Turn) -> str:
    """Who speaks, or which tool; nothing where the role says it."""
    return quoted(turn.speaker)[:LABEL_LETTERS].rstrip()


def _choose(
    turns: Sequence[tuple[int, Turn]], left: int, count: Callable[[str], int], known: Container[str]
) -> tuple[dict[int, list[tuple[int, str]]], int]:
    """The identifiers of each message that fit, round by round, the newest message first in each."""
    seen: set[str] = set()
    labels: set[str] = set()
    chosen: dict[int, list[tuple[int, str]]] = {}
    budget, misses = left, 0
    for ordinal, tool, place, value in _rounds(turns):
        if value in seen or value in known:
            continue
        cost = count(f", {value}")
        if ordinal not in chosen:
            cost += count(f"; [m{ordinal}]") + (0 if tool in labels else count(f"\n- {tool}:"))
        if cost > left:
            misses += 1
            if misses == _MISSES:
                break
            continue
        misses = 0
        left -= cost
        seen.add(value)
        labels.add(tool)
        chosen.setdefault(ordinal, []).append((place, value))
    return chosen, budget - left


def _rounds(turns: Sequence[tuple[int, Turn]]) -> Iterator[tuple[int, str, int, str]]:
    """Ordinal, label, place in the message, and identifier."""
    queues = [
        (ordinal, label(turn) or turn.role, iter(_short(turn) or _ranked(turn.text)))
        for ordinal, turn in reversed(turns)
    ]
    while queues:
        more: list[tuple[int, str, Iterator[tuple[int, str]]]] = []
        for queue in queues:
            for place, value in islice(queue[2], 1):
                yield queue[0], queue[1], place, value
                more.append(queue)
        queues = more


def _short(turn: Turn) -> list[tuple[int, str]]:
    """A tool's result that is no longer than what it would name: `Error: no such user`."""
    if turn.role != "tool" or len(turn.text) > _SHORT_LETTERS:
        return []
    text = quoted(minified(turn.text))
    return [(0, text)] if text else []


def _ranked(text: str) -> list[tuple[int, str]]:
    """What is worth a place in the ledger, with its own in the text; the likeliest to be asked for first."""
    found = [(_rank(value), place, value) for place, value in enumerate(identifiers(text))]
    worthy = sorted(each for each in found if each[0] < _UNWORTHY)
    return [(place, value) for _, place, value in worthy[:_MOST]]


def _rank(value: str) -> int:
    if _CLOCK.fullmatch(value):
        return 3
    if _NUMBER.fullmatch(value):
        return 2 if sum(character.isdigit() for character in value) > 2 else _UNWORTHY
    return 0 if _MIXED.search(value) and not _LONG.search(value) else 1
