"""Facts about providers."""

from typing import ClassVar

from ..events import Fact
from .values import Capabilities


class ProviderObserved(Fact):
    """A provider was asked how it is, and it is not as it was last recorded."""

    name: ClassVar[str] = "ProviderObserved"

    provider: str
    reachable: bool
    #: Its version, as it writes it.
    engine: str
    capabilities: Capabilities
    #: Ability that it lacks, and why.
    lacks: dict[str, str]
    #: Code and text of the error, when it did not answer as it should.
    code: str
    cause_text: str
    #: How many models it was seen to hold at once, where a load displaced others.
    max_loaded: int | None = None

    def subject(self, position: int) -> str:
        return f"provider/{self.provider}"


EVENTS = (ProviderObserved,)
