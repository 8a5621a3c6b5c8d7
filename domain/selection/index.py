"""An index of a conversation: turns are added as they come, and ranked by what is asked."""

from collections.abc import Sequence

from .postings import Postings
from .ranking import rank
from .specialisation import Profile
from .values import Turn


class Index:
    """Turns in the order of adding. None is ever taken out: whoever no longer has one ignores its score."""

    def __init__(self) -> None:
        self._postings = Postings()

    def __len__(self) -> int:
        return len(self._postings)

    def add(self, turn: Turn) -> None:
        """Note the next turn. It takes about as long as to find its words, however many turns there are."""
        self._postings.add(turn)

    def rank(
        self,
        query: str,
        *,
        profile: str | Profile = "general",
        similarities: Sequence[float] = (),
        alone: bool = False,
    ) -> list[int]:
        """By turn, how much of what is asked it has, in millionths; the best turn has a million.

        A profile is one of PROFILES by its name, or anybody's own. Similarities are of the turns' embeddings
        to the query's, one for each turn, from whoever has them. Turns that stand alone are no conversation:
        what they have says nothing of those beside them. A query that says nothing, or nothing that was ever
        talked about, has the most recent turns first.

        Raise KeyError for a profile that there is not, ValueError for more or fewer similarities than turns,
        or one that is no number.
        """
        turns = 0.0 if alone else self._postings.width()
        return rank(self._postings, query, profile, similarities, turns)
