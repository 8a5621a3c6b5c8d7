"""What is known of an open request."""

from dataclasses import dataclass

from .events import Purpose


@dataclass(frozen=True)
class Request:
    """A request that has not ended. Times in UTC nanoseconds."""

    position: int
    model: str
    purpose: Purpose
    agent: str
    priority: int
    arrived_at: int
    deadline_at: int | None
    #: None while it waits.
    granted_at: int | None = None
    #: Since when requests that came later have been served ahead of it; None when none has.
    overtaken_since: int | None = None
    #: Attempts after the first that were granted, and whether the last one's failure is counted already.
    retries: int = 0
    judged: bool = False
    #: Models that were asked for and could not be had, before another was turned to.
    left: tuple[str, ...] = ()

    @property
    def waiting(self) -> bool:
        """Whether it has no lease yet."""
        return self.granted_at is None
