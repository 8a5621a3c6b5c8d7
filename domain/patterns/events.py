"""Facts and decisions about patterns. Their texts are kept beside the journal, as messages' are."""

from typing import ClassVar, Literal

from ..events import Decision, Fact
from ..reasons import Reason

PatternKind = Literal["prompt", "result"]


class PatternStored(Fact):
    """A pattern is kept from here on, or kept anew."""

    name: ClassVar[str] = "PatternStored"

    pattern: str
    sort: PatternKind
    #: Where its text is kept, 64 hexadecimal digits.
    address: str
    #: Bytes of it.
    size: int
    #: In per-mille.
    importance: int = 500
    agent: str = ""

    def subject(self, position: int) -> str:
        return f"pattern/{self.pattern}"


class PatternRefused(Decision):
    """It was not kept, and the one that was called so before still is; `values` are for the error."""

    name: ClassVar[str] = "PatternRefused"

    pattern: str
    code: str
    values: dict[str, str]
    reason: Reason

    def subject(self, position: int) -> str:
        return f"pattern/{self.pattern}"


class PatternsUsed(Fact):
    """How often patterns were used since this was last said: not every use is worth a row."""

    name: ClassVar[str] = "PatternsUsed"

    uses: dict[str, int]


class PatternRemoved(Fact):
    """Somebody removed a pattern."""

    name: ClassVar[str] = "PatternRemoved"

    pattern: str

    def subject(self, position: int) -> str:
        return f"pattern/{self.pattern}"


class PatternsReclaimed(Decision):
    """Patterns were given up."""

    name: ClassVar[str] = "PatternsReclaimed"

    patterns: tuple[str, ...]
    freed_bytes: int
    reason: Reason


class PatternTextsDeleted(Fact):
    """The texts of patterns that are kept no more were destroyed with their keys."""

    name: ClassVar[str] = "PatternTextsDeleted"

    patterns: tuple[str, ...]


EVENTS = (
    PatternStored,
    PatternRefused,
    PatternsUsed,
    PatternRemoved,
    PatternsReclaimed,
    PatternTextsDeleted,
)
