"""Why a decision was taken: every comparison made, every candidate weighed, in fields rather than prose.

A rule compares through `Comparisons.hold`, which writes down what it compares. So a reason is complete
by construction, and `reevaluate` can check it later.
"""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Literal

from .events import Value

Operator = Literal["<", "<=", ">", ">=", "==", "!="]

_OPERATORS: dict[Operator, Callable[[Any, Any], bool]] = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "==": eq,
    "!=": ne,
}


class Comparison(Value):
    """One comparison as it was made."""

    #: What was compared, with its unit: `free_bytes ram`, `idle_ms`.
    what: str
    left: int | str
    op: Operator
    right: int | str
    holds: bool


class Candidate(Value):
    """Something that could have been chosen; the lower score goes first."""

    model: str
    score: tuple[int, ...]
    #: What choosing it frees, by resource.
    frees: dict[str, int]
    #: What the score was made of.
    figures: dict[str, int]


class Exclusion(Value):
    """Something that could not be chosen, and why."""

    model: str
    because: str


class Reason(Value):
    """The grounds of a decision."""

    #: Name of the rule, such as `eviction.hybrid`.
    rule: str
    rule_version: int = 1
    tests: tuple[Comparison, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    #: By how much the next best choice was worse, in the unit of the score.
    margin: int | None = None
    #: Positions of the events the figures were read from, by what they are.
    evidence: dict[str, int] = {}


class Comparisons:
    """Compares, and remembers what it compared."""

    def __init__(self) -> None:
        self._tests: list[Comparison] = []

    def hold(self, what: str, left: int | str, op: Operator, right: int | str) -> bool:
        """Compare and record; return whether it holds."""
        holds = _OPERATORS[op](left, right)
        self._tests.append(Comparison(what=what, left=left, op=op, right=right, holds=holds))
        return holds

    @property
    def tests(self) -> tuple[Comparison, ...]:
        """What was compared so far, in order."""
        return tuple(self._tests)


def reevaluate(reason: Reason) -> bool:
    """Whether every recorded comparison comes out today as it is recorded."""
    return all(_OPERATORS[test.op](test.left, test.right) == test.holds for test in reason.tests)
