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
    """An event at its place; the fields are columns of the table `event`, in their order."""

    position: int
    kind: Kind
    type: str
    version: int
    subject: str
    at: int
    cause: int | None
    correlation: int
    actor: str
    #: Canonical JSON; None when it has been redacted.
    data: str | None

    @property
    def draft(self) -> Draft:
        """The event as it was appended, without its place; one that was redacted has empty data."""
        _, kind, type_, version, subject, at, cause, correlation, actor, data = self
        return Draft(kind, type_, version, subject, at, cause, correlation, actor, data or "")


class Leaf(NamedTuple):
    """What ties an event to the tree; the fields are the other columns of the table `event`."""

    #: None when the data has been redacted.
    salt: bytes | None
    #: `merkle.data_hash` of salt and data, kept only when they are gone.
    data_hash: bytes | None
    #: `merkle.leaf_hash` of the record and the hash of its data.
    leaf: bytes


#: The columns of a record, for SELECT.
COLUMNS = ", ".join(Record._fields)
