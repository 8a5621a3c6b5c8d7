"""What an explanation consists of: fields only. `sentences` puts them into words, `why` finds them."""

from typing import Any, Literal

from ..domain.events import Kind, Value
from ..domain.reasons import Comparison, Exclusion, Reason

#: What an event of a chain is to the one before it.
Relation = Literal[
    "asked",
    "outcome_of",
    "follows_from",
    "drained_by",
    "planned_by",
    "requested_by",
    "queued_by",
    "behind",
    "granted_by",
    "wished_by",
]

#: What an event that came later is to the one asked about.
Consequence = Literal["decided", "outcome", "made_room_for", "left", "later"]


class Link(Value):
    """One event on the way from what was asked about to where it began."""

    relation: Relation
    position: int
    at: int
    kind: Kind
    type: str
    subject: str
    actor: str
    #: What the event says, its reason taken out.
    data: dict[str, Any]
    #: Its data was taken out of the journal, so that it says nothing.
    redacted: bool = False
    #: Why it was decided; None for a fact.
    reason: Reason | None


class Ranked(Value):
    """A candidate in the order of the rule; the first would be missed least."""

    rank: int
    model: str
    chosen: bool
    score: tuple[int, ...]
    #: What choosing it frees, by resource.
    frees: dict[str, int]
    #: What the score was made of.
    figures: dict[str, int]


class Evidence(Value):
    """An event that the figures were read from, and how old it was when it was used."""

    what: str
    position: int
    age_ms: int
    type: str
    actor: str
    data: dict[str, Any]


class Effect(Value):
    """Something that came of it."""

    consequence: Consequence
    position: int
    at: int
    #: Since the event asked about.
    after_ms: int
    type: str
    subject: str
    data: dict[str, Any]


class Delayed(Value):
    """A request that waited for a model to come back."""

    request: int
    waited_ms: int


class Regret(Value):
    """What it cost that a model left: the load that brought it back, and who waited for that."""

    model: str
    #: Position of the event with which it left.
    left: int
    #: Position of the order to load it again; None when nobody has wanted it since.
    reloaded: int | None
    #: From leaving to that order.
    away_ms: int | None
    #: What loading took; None when it has not come to its end.
    load_ms: int | None
    delayed: tuple[Delayed, ...]


class Findings(Value):
    """Everything that the journal says about why something happened."""

    #: What was asked.
    what: str
    #: From the event asked about back to the request or the reading that it goes back to.
    chain: tuple[Link, ...]
    #: Position of the decision whose reason answers the question; None when nothing was decided.
    decided: int | None
    rule: str | None
    rule_version: int | None
    comparisons: tuple[Comparison, ...]
    candidates: tuple[Ranked, ...]
    excluded: tuple[Exclusion, ...]
    #: By how much the next best choice was worse, in the unit of the score, and which that was.
    margin: int | None
    runner_up: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    effects: tuple[Effect, ...]
    regrets: tuple[Regret, ...]

    @property
    def asked(self) -> Link:
        """The event asked about."""
        return self.chain[0]

    @property
    def shortfall(self) -> dict[str, int]:
        """What was missing of each resource when it was decided."""
        deciding = next((link for link in self.chain if link.position == self.decided), None)
        return deciding.data.get("shortfall", {}) if deciding else {}

    def link(self, *types: str) -> Link | None:
        """The first event of these types in the chain that still says something."""
        return next((link for link in self.chain if link.type in types and not link.redacted), None)
