"""What is written down: facts from outside, decisions of ours, and the envelope they travel in."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["fact", "decision"]


class Value(BaseModel):
    """A frozen piece of an event: unknown fields, floats that are not numbers and coercions are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Body(Value):
    """What happened. `name` and `version` are what the journal stores; they never follow the class name."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    kind: ClassVar[Kind]
    #: True when a power cut must not lose it (settings, money, erasure).
    durable: ClassVar[bool] = False

    def subject(self, position: int) -> str:
        """What the event at `position` is about, as `category/name`; `host` when it is about the machine."""
        return "host"


class Fact(Body):
    """Something that came from outside: the domain could not have computed it."""

    kind: ClassVar[Kind] = "fact"


class Decision(Body):
    """Something the domain concluded from its state and one fact."""

    kind: ClassVar[Kind] = "decision"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact or a decision at its place in the journal."""

    position: int
    #: UTC nanoseconds, never decreasing within a journal, exactly as handed to `decide`.
    at: int
    #: Position of the fact this step answers, or of the intent this outcome belongs to; None when exogenous.
    cause: int | None
    #: Position of the root of the flow; its own for a root.
    correlation: int
    #: Who: a user, a key's fingerprint, or `bursar`.
    actor: str
    body: Body
