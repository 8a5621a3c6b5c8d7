"""What is known of a provider."""

from dataclasses import dataclass

from .values import Capabilities


@dataclass(frozen=True)
class Provider:
    """One provider, as it was when it was last observed. Times in UTC nanoseconds."""

    name: str
    reachable: bool
    #: Since when it has been as it is.
    since: int
    version: str
    capabilities: Capabilities
    #: Position of the observation.
    position: int
    #: Code and text of the error, when it did not answer as it should.
    code: str = ""
    cause: str = ""
    #: How many models it holds at once; None where that is not known.
    max_loaded: int | None = None
    #: When it answered again after it had not; 0 before the first time.
    returned_at: int = 0
