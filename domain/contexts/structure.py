"""What holds a window together, and what of it must stay.

A tool call and all its results, wherever they stand, are one atom: kept together or left out together. The
first message that is neither the system's nor pinned is the user's, or a summary, which is sent as the
user's; only where the conversation itself begins otherwise, its window may.

System messages and pinned ones stay, and so do the last message of the user and all that came after it. Of an
agent, which may work through hundreds of calls on one message, only that message stays and the newest atom.
A call whose results have not all come stays, too: a result could not be added without it. It is waited for
until the user has spoken twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from . import entries
from .entries import Entries
from .spans import ordinals
from .state import Context
from .values import Entry, Genre, Spans


@dataclass(frozen=True)
class Shape:
    """A window as a row of messages, by place. Atoms are known by the place of their first message."""

    ordinals: tuple[int, ...]
    sent: tuple[Entry, ...]
    #: Of each place, the first place of its atom.
    heads: tuple[int, ...]
    #: Of each first place, the places of its atom; those of one message are not in it.
    groups: dict[int, tuple[int, ...]]

    def atom(self, place: int) -> tuple[int, ...]:
        """The places that are kept or left out together with one."""
        return self.groups.get(self.heads[place], (place,))

    def is_users(self, place: int) -> bool:
        """Whether a window may begin with it."""
        return self.sent[place].role == "user"


def shape(known: Entries, window: Spans) -> Shape:
    """A window, taken apart."""
    flat = [entry for block in known for entry in block]
    numbers = tuple(ordinals(window))
    sent = tuple([flat[number] for number in numbers])
    heads = list(range(len(numbers)))
    groups: dict[int, list[int]] = {}
    places: dict[int, int] = {}
    for place, entry in enumerate(sent):
        if entry.calls:
            places[numbers[place]] = place
        head = places.get(entry.answers) if entry.answers is not None else None
        if head is not None:
            heads[place] = head
            groups.setdefault(head, [head]).append(place)
    return Shape(numbers, sent, tuple(heads), {head: tuple(members) for head, members in groups.items()})


def atoms(known: Entries, window: Spans) -> tuple[tuple[int, ...], ...]:
    """The ordinals of a window that are kept or left out together, by the first of them."""
    seen = shape(known, window)
    return tuple(
        tuple(seen.ordinals[member] for member in seen.atom(place))
        for place, head in enumerate(seen.heads)
        if head == place
    )


def required(seen: Shape, genre: Genre) -> dict[int, None]:
    """The places that must stay, whatever else does: the keys, in the window's order."""
    fixed = [place for place, entry in enumerate(seen.sent) if entry.fixed]
    return rounded(seen, [*fixed, *_awaited(seen), *_current(seen, genre)])


def spared(seen: Shape, genre: Genre, keep_last: int) -> dict[int, None]:
    """The places of what must stay, and of the last messages with what belongs to them."""
    end = len(seen.sent)
    return rounded(seen, [*required(seen, genre), *range(max(0, end - keep_last), end)])


def protected(context: Context, keep_last: int) -> frozenset[int]:
    """The ordinals of what must stay, and of the last messages."""
    seen = shape(context.entries, context.window)
    return frozenset(seen.ordinals[place] for place in spared(seen, context.genre, keep_last))


def rounded(seen: Shape, places: Iterable[int]) -> dict[int, None]:
    """These places with the whole of their atoms, and the user's message that the first of them follows."""
    kept = {member: None for place in places for member in seen.atom(place)}
    anchor = _anchor(seen, kept)
    if anchor is not None:
        kept[anchor] = None
    return dict.fromkeys(sorted(kept))


def leading(known: Entries, window: Sequence[int]) -> frozenset[int]:
    """Of the ordinals of a window those before the user's first message, with their atoms; no pinned ones."""
    gone: dict[int, bool] = {}
    for ordinal in window:
        entry = entries.at(known, ordinal)
        if entry.role == "user":
            break
        if entry.role != "system":
            gone[ordinal if entry.answers is None else entry.answers] = True
    heads = {ordinal: call if (call := entries.at(known, ordinal).answers) is not None else ordinal
             for ordinal in window}  # fmt: skip
    for ordinal in window:
        if entries.at(known, ordinal).pinned:
            gone[heads[ordinal]] = False
    return frozenset(ordinal for ordinal in window if gone.get(heads[ordinal], False))


def problems(known: Entries, window: Spans) -> tuple[str, ...]:
    """What is broken in a window; nothing in one that can be sent."""
    numbers = list(ordinals(window))
    if any(not 0 <= number < entries.count(known) for number in numbers):
        return ("it has messages that nobody added",)
    if len(frozenset(numbers)) < len(numbers):
        return ("it has a message twice",)
    seen = shape(known, window)
    own = [number for number, entry in zip(numbers, seen.sent, strict=True) if not entry.summary]
    found = [] if own == sorted(own) else ["its messages are out of order"]
    found += [f"the text of message {number} is lost" for number in numbers if _at(known, number).lost]
    found += _torn(known, seen)
    begins = _begins(seen)
    if begins is not None and _follows_user(known, seen.ordinals[begins]):
        found.append(f"message {seen.ordinals[begins]} stands first and is not the user's")
    return tuple(found)


def _at(known: Entries, ordinal: int) -> Entry:
    return entries.at(known, ordinal)


def _torn(known: Entries, seen: Shape) -> list[str]:
    """Results without their call, and calls without all results that came."""
    found: list[str] = []
    for place, entry in enumerate(seen.sent):
        ordinal = seen.ordinals[place]
        if entry.answers is not None and seen.heads[place] == place:
            found.append(f"message {ordinal} is the result of a call that is left out")
        results = len(seen.atom(place)) - 1
        if entry.calls and entry.answered > results:
            found.append(
                f"message {ordinal} calls tools, and {entry.answered - results} results are left out"
            )
    return found


def _begins(seen: Shape) -> int | None:
    """The first place, but for system and pinned messages, if it is not the user's."""
    for place, entry in enumerate(seen.sent):
        if entry.role == "user":
            return None
        if entry.role != "system" and not any(seen.sent[other].pinned for other in seen.atom(place)):
            return place
    return None


def _follows_user(known: Entries, ordinal: int) -> bool:
    """Whether the user said something before a message."""
    return any(
        entry.role == "user" and not entry.summary and not entry.lost
        for _, entry in zip(range(ordinal), entries.every(known), strict=False)
    )


def _current(seen: Shape, genre: Genre) -> list[int]:
    """What the conversation is about now."""
    end = len(seen.sent)
    last = next(iter(_users(seen)), None)
    if genre == "agent":
        return [place for place in (last, end - 1) if place is not None and place >= 0]
    return [] if last is None else list(range(last, end))


def _awaited(seen: Shape) -> list[int]:
    """Calls whose results may still come."""
    since = next(islice(_users(seen), 1, None), 0)
    return [place for place in range(since, len(seen.sent)) if seen.sent[place].awaits]


def _users(seen: Shape) -> Iterator[int]:
    """The places of what the user said, the last first."""
    places = range(len(seen.sent) - 1, -1, -1)
    return (place for place in places if seen.sent[place].users)


def _anchor(seen: Shape, kept: dict[int, None]) -> int | None:
    """The user's message that must stay for these to follow it, if none of them comes first."""
    first = min((place for place in kept if seen.sent[place].role != "system"), default=None)
    if first is None or seen.is_users(first):
        return None
    return next((place for place in range(first - 1, -1, -1) if seen.is_users(place)), None)
