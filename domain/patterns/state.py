"""What is known of the patterns that are kept."""

from dataclasses import dataclass, field
from functools import cached_property

from .events import PatternKind


@dataclass(frozen=True)
class Pattern:
    """One of them. Times in UTC nanoseconds."""

    name: str
    sort: PatternKind
    #: Of the event that stored it, and names the address of its text.
    position: int
    #: Bytes of its text.
    size: int
    #: In per-mille.
    importance: int
    agent: str
    stored_at: int
    #: Of the last use that was recorded, or when it was stored.
    used_at: int
    uses: int = 0


@dataclass(frozen=True)
class Patterns:
    """Those that are kept, by name. Made anew rather than copied: copies would take `oldest` along."""

    named: dict[str, Pattern] = field(default_factory=dict[str, Pattern])
    #: Bytes of all their texts.
    size: int = 0
    #: Whose texts are still to be deleted, with the position of the event that gave them up.
    leaving: dict[str, int] = field(default_factory=dict[str, int])
    #: What the pattern that was stored last replaced, should that be refused.
    replaced: Pattern | None = None

    @cached_property
    def oldest(self) -> dict[tuple[int, int], int]:
        """By uses and importance, when the one of them that was not used for longest was used last.

        What time brings follows from it without a look at every pattern at every step.
        """
        found: dict[tuple[int, int], int] = {}
        for pattern in self.named.values():
            kind = (pattern.uses, pattern.importance)
            known = found.get(kind)
            if known is None or pattern.used_at < known:
                found[kind] = pattern.used_at
        return found
