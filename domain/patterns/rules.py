"""What follows from facts about patterns."""

from collections.abc import Callable

from ..draft import Draft
from ..events import Body
from . import events as e
from .reclaim import make_room


def _stored(draft: Draft, fact: e.PatternStored) -> None:
    make_room(draft, fact.pattern)


def _noted(_draft: Draft, _fact: Body) -> None:
    """Nothing follows."""


RULES: dict[type[Body], Callable[..., None]] = {
    e.PatternStored: _stored,
    e.PatternsUsed: _noted,
    e.PatternRemoved: _noted,
    e.PatternTextsDeleted: _noted,
}
