"""What can be wrong with a journal, and the list of it."""

from dataclasses import dataclass, field
from typing import Literal

ProblemKind = Literal[
    "file", "schema", "unreadable", "missing", "order", "leaf", "rule", "root", "index", "redaction",
    "archive", "checkpoint", "note",
]  # fmt: skip

#: After one of these nobody can say what the tree's root is.
_DOUBTFUL = frozenset({"file", "unreadable", "missing", "order", "leaf", "root"})
#: As many are listed; the rest are counted.
_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written."""

    kind: ProblemKind
    #: The first position concerned; 0 for the file as a whole.
    position: int
    #: The last position concerned.
    until: int
    #: One sentence.
    text: str


@dataclass(slots=True)
class Problems:
    """Those found so far."""

    listed: list[Problem] = field(default_factory=list[Problem])
    #: How many more there are.
    unlisted: int = 0
    #: Whether what is wrong may have changed the tree.
    doubtful: bool = False

    def add(self, kind: ProblemKind, position: int, text: str, until: int | None = None) -> None:
        """Note a problem at a position, or from one to another; 0 for the file."""
        last = position if until is None else until
        where = "" if position == 0 else f"position {position}: "
        if last > position:
            where = f"positions {position} to {last}: "
        self.doubtful = self.doubtful or kind in _DOUBTFUL
        if len(self.listed) < _LISTED:
            self.listed.append(Problem(kind, position, last, where + text))
        else:
            self.unlisted += 1

    def join(self, others: "Problems") -> None:
        """Take over those that were found elsewhere."""
        room = _LISTED - len(self.listed)
        self.listed += others.listed[:room]
        self.unlisted += others.unlisted + len(others.listed[room:])
        self.doubtful = self.doubtful or others.doubtful
