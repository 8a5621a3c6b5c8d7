"""A summary made of the messages' own words: the same for the same messages, and true as far as they are.

What the user said comes first, whole where it is short; then the sentences worth most of what was answered;
then the identifiers of what tools returned and of the rest. Every line names its message, and what is of a
message stays on its line, so that none can pass for a heading, for another's line, or for a turn of its own.

A summary of what an earlier summary stands for is made from the messages, never from the summary.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from ..contexts.values import Genre
from .excerpts import Excerpt, excerpts
from .identifiers import identifiers
from .ledger import Named, ledger, lines, whole
from .values import Turn


class _Shares(NamedTuple):
    """Of the tokens, in per-mille, as long as the other sections need the rest."""

    own: int
    said: int


#: Where there are tools, what was answered is for the most part what they returned.
_WITH_TOOLS: Final = _Shares(own=250, said=150)
_WITHOUT: Final = _Shares(own=500, said=500)
#: After so many in a row that did not fit, nothing else will.
_MISSES: Final = 24

_OWN, _SAID, _NAMED = "The user said:", "Answers:", "Identifiers:"

Count = Callable[[str], int]


class Extract(NamedTuple):
    """A summary."""

    #: Empty when not even the sentence fits that says how many messages are missing.
    text: str
    #: The messages it has something of, ascending.
    cited: tuple[int, ...]
    #: Lines; 0 when it only says what is missing.
    facts: int


class _Sections(NamedTuple):
    own: list[Excerpt]
    said: list[Excerpt]
    named: list[Named]


def extract(
    turns: Sequence[tuple[int, Turn]],
    *,
    max_tokens: int,
    count: Count,
    genre: Genre = "dialogue",
    beside: Sequence[Turn] = (),
) -> Extract:
    """What fits in `max_tokens`, by `count`, of messages with their ordinals, ascending.

    What the messages `beside` it name, which stay where they are, its ledger need not.
    """
    if not turns:
        return Extract("", (), 0)
    heading = _heading(turns)
    left = max_tokens - count(heading) - count(f"\n{_OWN}\n{_SAID}\n{_NAMED}")
    found = _sections(turns, left, count, genre, beside) if left > 0 else _Sections([], [], [])
    return _fitted(turns, heading, found, max_tokens, count)


def _heading(turns: Sequence[tuple[int, Turn]]) -> str:
    return f"[Excerpts of {_messages(turns)}, kept and restorable]"


def _messages(turns: Sequence[tuple[int, Turn]]) -> str:
    first, last = turns[0][0], turns[-1][0]
    return f"message m{first}" if first == last else f"{len(turns)} messages (m{first} to m{last})"


def _sections(
    turns: Sequence[tuple[int, Turn]], left: int, count: Count, genre: Genre, beside: Sequence[Turn]
) -> _Sections:
    """What each section has: its share, and then what the others leave over."""
    has_tools = any(turn.role == "tool" for _, turn in turns)
    share = _WITH_TOOLS if has_tools else _WITHOUT
    own, said = (_Choice(found, count) for found in excerpts(turns, genre))
    # What was asked for first has the room of all, or half of it where tools returned what else there is.
    spent = own.take(left // 2 if has_tools else left, most=1)
    spent += own.take(left * share.own // 1000 - spent)
    spent += said.take(min(left * share.said // 1000, left - spent))
    if not has_tools:
        spent += own.take(left - spent)
        spent += said.take(left - spent)
    known = frozenset(_named([*own.lines(), *said.lines(), *(turn.text for turn in beside)]))
    names, more = ledger(turns, max_tokens=left - spent, count=count, known=known)
    spent += more
    spent += own.take(left - spent)
    spent += said.take(left - spent)
    return _Sections(own.taken, said.taken, whole(turns, names, left=left - spent, count=count))


def _named(texts: Sequence[str]) -> Iterator[str]:
    return (value for text in texts for value in identifiers(text))


class _Choice:
    """The excerpts of a section, the best first, and those of them that were taken."""

    def __init__(self, found: Sequence[Excerpt], count: Count) -> None:
        self.taken: list[Excerpt] = []
        self._left = list(found)
        self._count = count

    def take(self, tokens: int, most: int | None = None) -> int:
        """Take what fits of the best so many, or of all; returns the tokens that it has."""
        spent = misses = at = 0
        passed: list[Excerpt] = []
        end = len(self._left) if most is None else min(most, len(self._left))
        while at < end and misses < _MISSES:
            cost = self._count(f"\n{self._left[at].line}")
            if spent + cost <= tokens:
                spent += cost
                misses = 0
                self.taken.append(self._left[at])
            else:
                misses += 1
                passed.append(self._left[at])
            at += 1
        self._left[:at] = passed
        return spent

    def lines(self) -> list[str]:
        """Of what was taken."""
        return [excerpt.line for excerpt in self.taken]


def _fitted(
    turns: Sequence[tuple[int, Turn]], heading: str, found: _Sections, max_tokens: int, count: Count
) -> Extract:
    """The text, without its last as long as it has too many tokens: a whole has not exactly its parts'."""
    while any(found):
        text = _text(heading, found)
        if count(text) <= max_tokens:
            cited = [
                *(one.ordinal for one in (*found.own, *found.said)),
                *(one.ordinal for one in found.named),
            ]
            return Extract(text, tuple(sorted(frozenset(cited))), len(cited))
        (found.said or found.named or found.own).pop()
    text = f"[{_messages(turns)} left out, kept and restorable]"
    return Extract(text if count(text) <= max_tokens else "", (), 0)


def _text(heading: str, found: _Sections) -> str:
    parts = [heading]
    for title, section in ((_OWN, found.own), (_SAID, found.said)):
        if section:
            parts += [title, *(one.line for one in sorted(section, key=lambda one: (one.ordinal, one.place)))]
    if found.named:
        parts += [_NAMED, *lines(found.named)]
    return "\n".join(parts)
