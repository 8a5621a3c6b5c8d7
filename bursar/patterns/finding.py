"""Patterns by what is in their names and texts, from an index made when somebody first looks."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from ..contexts.vault import Shelf, Vault
from ..domain.errors import BodyCorrupt, NoSuchBody
from .lookup import Lookup
from .texts import Stored, read

#: Texts that are read in one go, between which others have their turn.
_CHUNK = 64


class Match(NamedTuple):
    """A pattern that matches, and how well: higher is better."""

    name: str
    score: float


class Finder:
    """The index. It is used on the texts' thread, and nowhere else."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._lookup = Lookup()

    async def ranked(self, query: str, kept: Sequence[Stored], wanted: Collection[str]) -> list[Match]:
        """Those that match, the best first: of all that are kept, the wanted by name."""
        missing = await self._vault.do(lambda _shelf: self._compare(kept))
        for first in range(0, len(missing), _CHUNK):
            await self._vault.do(partial(self._add, missing[first : first + _CHUNK]))
        return await self._vault.do(lambda _shelf: self._rank(query, kept, wanted))

    def _compare(self, kept: Iterable[Stored]) -> list[Stored]:
        """Drop what is kept no more; return what is not in it yet."""
        by_position = {one.position: one for one in kept}
        for position in self._lookup.numbers():
            if by_position.pop(position, None) is None:
                self._lookup.remove(position)
        return list(by_position.values())

    def _add(self, chunk: Iterable[Stored], shelf: Shelf) -> None:
        for one in chunk:
            if one.position not in self._lookup:
                self._lookup.add(one.position, f"{one.name}\n{_text(one, shelf)}")

    def _rank(self, query: str, kept: Sequence[Stored], wanted: Collection[str]) -> list[Match]:
        scores = self._lookup.scores(query)
        found = [
            Match(one.name, scores[one.position])
            for one in kept
            if one.position in scores and one.name in wanted
        ]
        return sorted(found, key=lambda match: (-match.score, match.name))


def _text(one: Stored, shelf: Shelf) -> str:
    """Nothing for what cannot be read: it is found by its name, and whoever reads it learns why."""
    try:
        return read(one, shelf).decode()
    except (BodyCorrupt, NoSuchBody):
        return ""
