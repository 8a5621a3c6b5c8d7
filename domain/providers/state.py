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
