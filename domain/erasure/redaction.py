"""Which events can go without their data, and why the others cannot."""

from ..models.events import EffectOutcomeUnknown
from ..registry import REGISTRY
from ..requests.events import RequestQueued
from .events import EventRedacted, SubjectForgotten

#: Neither the state is folded from their data nor anything decided: every replay is the same without.
REDACTABLE = frozenset({EffectOutcomeUnknown.name, RequestQueued.name})

_RECORDS = frozenset({SubjectForgotten.name, EventRedacted.name})
_KNOWN = frozenset(name for name, _ in REGISTRY)


def obstacle(event_type: str) -> str | None:
    """Why events of a type cannot be redacted; None when they can."""
    if event_type in REDACTABLE:
        return None
    if event_type in _RECORDS:
        return "it is the record of what was erased"
    if event_type in _KNOWN:
        return "a replay needs its data to come to the same state and decisions"
    return "this bursar does not know what the state needs of it; update bursar"
