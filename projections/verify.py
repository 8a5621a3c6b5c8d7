"""Is the journal what was written, and does it decide today as it did?"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.errors import JournalCorrupt
from ..eventstore.identity import StrPath
from ..eventstore.proof.notes import VerifierKey
from ..eventstore.proof.verify import Report, check
from ..eventstore.reader import Reader
from .redecide import Redecided, redecide
from .replay import Progress


@dataclass(frozen=True, slots=True)
class Verification:
    """The tree over the events, and the decisions in them."""

    tree: Report
    #: None when the file cannot even be opened.
    decisions: Redecided | None

    @property
    def ok(self) -> bool:
        """Whether the journal is what was written, and decides today as it did."""
        return self.tree.ok and self.decisions is not None and self.decisions.ok


def verify(
    path: StrPath,
    progress: Progress | None = None,
    *,
    keys: Sequence[VerifierKey] = (),
    against: str | None = None,
) -> Verification:
    """Check the tree, then decide every fact again. `progress` runs through the journal twice.

    `keys` and `against` are those of `eventstore.proof.verify.check`. A damaged journal is a report; raises
    JournalUnusable for a file that is missing or none of ours, NoteInvalid.
    """
    tree = check(path, progress, keys=keys, against=against)
    try:
        with Reader(path) as reader:
            return Verification(tree, redecide(reader, progress))
    except JournalCorrupt:
        return Verification(tree, None)
