"""Choosing what of a window stays.

What must stay does, or there is no plan. Then the last messages stay, all of them if they fit and else the
newest that do; then summaries; and then what has the highest score, the newer of two alike, whatever still
fits. A tool call and its results are worth the mean of their scores, by tokens. Scores are taken as they are:
whoever gave them knew how long the messages are. What does not fit is passed over, and looked at again as
long as something came in before it: at the end nothing that is left out would have fitted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .spans import spans_of
from .state import Context
from .structure import Shape, required, shape, spared
from .values import Spans

KEEP_LAST = 10
_ENDLESS = 2**62


@dataclass(frozen=True)
class Plan:
    """What stays and what is left out, in the window's order."""

    kept: Spans
    dropped: Spans
    #: Of what is left out.
    dropped_scores: tuple[int, ...]
    #: Of what stays.
    messages: int
    tokens: int
    size: int
    #: Tokens and bytes of what must stay.
    required_tokens: int
    required_size: int


@dataclass(frozen=True)
class Infeasible:
    """What must stay comes to more than there may be."""

    required_tokens: int
    required_size: int


def keep(
    context: Context,
    scores: Sequence[int],
    target_tokens: int | None = None,
    target_bytes: int | None = None,
    keep_last: int = KEEP_LAST,
) -> Plan | Infeasible:
    """The best of a window within so many tokens and bytes. Scores in the window's order, one each.

    Raises ValueError for another number of scores.
    """
    seen = shape(context.entries, context.window)
    if len(scores) != len(seen.sent):
        raise ValueError(f"{len(scores)} scores for {len(seen.sent)} messages")
    basket = _Basket(seen, target_tokens, target_bytes)
    must = required(seen, context.genre)
    basket.put(must)
    needed = basket.tokens, basket.size
    if basket.is_over():
        return Infeasible(*needed)
    last = spared(seen, context.genre, keep_last)
    if not basket.take_all(last):
        basket.fill(sorted(last, reverse=True))
    basket.fill(place for place, entry in enumerate(seen.sent) if entry.summary)
    basket.fill(_best(seen, scores))
    return _plan(basket, scores, needed)


class _Basket:
    """What stays so far, and what there is room for. Atoms stay as a whole or not at all."""

    def __init__(self, seen: Shape, tokens: int | None, size: int | None) -> None:
        self.seen = seen
        self.kept = [False] * len(seen.sent)
        self.tokens = self.size = 0
        self._most_tokens = _ENDLESS if tokens is None else tokens
        self._most_size = _ENDLESS if size is None else size
        self._costs = _costs(seen)
        #: The first place of the user's that stays: what follows it may stay without more ado.
        self._begins = len(seen.sent)
        self._before = _users_before(seen)

    def is_over(self) -> bool:
        """Whether it is more than there may be."""
        return self.tokens > self._most_tokens or self.size > self._most_size

    def put(self, places: Iterable[int]) -> None:
        """Keep these, whether they fit or not."""
        sent = self.seen.sent
        for place in places:
            if not self.kept[place]:
                self.kept[place] = True
                self.tokens += sent[place].tokens
                self.size += sent[place].size
                if place < self._begins and sent[place].role == "user":
                    self._begins = place

    def take_all(self, places: Iterable[int]) -> bool:
        """Keep all of these if they fit, or none."""
        new = [place for place in places if not self.kept[place]]
        tokens = sum(self.seen.sent[place].tokens for place in new)
        size = sum(self.seen.sent[place].size for place in new)
        if self.tokens + tokens > self._most_tokens or self.size + size > self._most_size:
            return False
        self.put(new)
        return True

    def fill(self, places: Iterable[int]) -> None:
        """Keep of these what fits, in this order; each with its atom, and the user's message before it."""
        left = [place for place in places if not self.kept[place]]
        begins = -1
        # What was passed over together with a user's message may fit when that has come in without it.
        while begins != self._begins:
            begins = self._begins
            left = [place for place in left if not self.kept[place] and not self._take(place)]

    def _take(self, place: int) -> bool:
        first = self.seen.heads[place]
        tokens, size = self._costs[first]
        users = self._before[first] if first < self._begins and not self.seen.is_users(first) else None
        if users is not None:
            tokens += self.seen.sent[users].tokens
            size += self.seen.sent[users].size
        if self.tokens + tokens > self._most_tokens or self.size + size > self._most_size:
            return False
        self.put(self.seen.atom(first))
        self.put(() if users is None else (users,))
        return True


def _costs(seen: Shape) -> list[tuple[int, int]]:
    """Tokens and bytes of each atom, at its first place."""
    costs = [(entry.tokens, entry.size) for entry in seen.sent]
    for head, members in seen.groups.items():
        sent = [seen.sent[place] for place in members]
        costs[head] = sum(entry.tokens for entry in sent), sum(entry.size for entry in sent)
    return costs


def _users_before(seen: Shape) -> list[int | None]:
    """Of each place the last one before it with which a window may begin."""
    found: list[int | None] = []
    last: int | None = None
    for place, entry in enumerate(seen.sent):
        found.append(last)
        if entry.role == "user":
            last = place
    return found


def _best(seen: Shape, scores: Sequence[int]) -> list[int]:
    """The first places of all atoms, the highest score first."""
    worth = list(scores)
    for head, members in seen.groups.items():
        tokens = sum(seen.sent[place].tokens for place in members)
        weighed = sum(scores[place] * seen.sent[place].tokens for place in members)
        worth[head] = weighed // tokens if tokens else max(scores[place] for place in members)
    heads = [place for place, head in enumerate(seen.heads) if place == head]
    return sorted(heads, key=lambda place: (-worth[place], -place))


def _plan(basket: _Basket, scores: Sequence[int], needed: tuple[int, int]) -> Plan:
    numbers = basket.seen.ordinals
    stays = [number for number, kept in zip(numbers, basket.kept, strict=True) if kept]
    return Plan(
        kept=spans_of(stays),
        dropped=spans_of(number for number, kept in zip(numbers, basket.kept, strict=True) if not kept),
        dropped_scores=tuple([score for score, kept in zip(scores, basket.kept, strict=True) if not kept]),
        messages=len(stays),
        tokens=basket.tokens,
        size=basket.size,
        required_tokens=needed[0],
        required_size=needed[1],
    )
