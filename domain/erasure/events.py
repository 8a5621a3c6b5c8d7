"""Facts about what was erased: it is gone for ever, and that it is gone is on record for ever."""

from typing import ClassVar

from ..events import Body, Fact


class SubjectForgotten(Fact):
    """The keys of all that was kept of a subject were destroyed, and what they could read deleted."""

    name: ClassVar[str] = "SubjectForgotten"
    durable: ClassVar[bool] = True

    #: Stands for the subject, whose name would be kept for ever here; who knows the name can find it.
    forgotten: str
    #: When the keys were destroyed, UTC nanoseconds; earlier than this event if that was interrupted.
    destroyed_at: int
    bodies: int
    #: Of the bodies, as they were stored.
    stored_bytes: int
    #: Why, as it was stated.
    because: str | None = None
    #: The legal ground, as it was stated.
    basis: str | None = None

    def subject(self, position: int) -> str:
        return f"subject/{self.forgotten}"


class EventRedacted(Fact):
    """The data of an earlier event is to be taken out of the journal, and is gone very soon after this."""

    name: ClassVar[str] = "EventRedacted"
    durable: ClassVar[bool] = True

    #: Its position.
    event: int
    #: Why, as it was stated.
    because: str
    #: The legal ground, as it was stated.
    basis: str | None = None

    def subject(self, position: int) -> str:
        return f"event/{self.event}"


class Redacted(Body):
    """Stands in for an event whose data is gone. Never stored; the fold passes over it."""

    name: ClassVar[str] = "Redacted"

    #: What it was, and in which version.
    type: str
    schema_version: int
    #: What it was about.
    about: str

    def subject(self, position: int) -> str:
        return self.about


EVENTS = (SubjectForgotten, EventRedacted)
