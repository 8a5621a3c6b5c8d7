"""An event before and after it has its place. Named tuples, the cheapest values for rows to become."""

from typing import Literal, NamedTuple

Kind = Literal["fact", "decision"]
KINDS: tuple[Kind, ...] = ("fact", "decision")


class Draft(NamedTuple):
    """An event to be appended."""

    kind: Kind
    type: str
    #: Of the type's schema.
    version: int
    subject: str
    #: UTC nanoseconds, not before the event ahead of it.
    at: int
    #: An earlier position, which may be one of the same batch; None for an exogenous fact.
    cause: int | None
    #: Position of the root of the flow: this event's own, or an earlier one.
    correlation: int
    actor: str
    #: Canonical JSON.
    data: str


class Record(NamedTuple):
    """An event at its place; the fields are the columns of the table `event`, in their order."""

    position: int
    kind: Kind
    type: str
    version: int
    subject: str
    #: How many events the subject has up to this one.
    subject_version: int
    at: int
    cause: int | None
    correlation: int
    actor: str
    data: str
    #: `merkle.leaf_hash` of the other fields.
    leaf: bytes

    @property
    def draft(self) -> Draft:
        """The event as it was appended, without its place."""
        return Draft(
            self.kind,
            self.type,
            self.version,
            self.subject,
            self.at,
            self.cause,
            self.correlation,
            self.actor,
            self.data,
        )
