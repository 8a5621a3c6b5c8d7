"""Facts and decisions about agents that hold too much, and about memory that was given back."""

from typing import ClassVar

from ..events import Decision, Fact
from ..reasons import Reason


class AgentThrottled(Decision):
    """An agent's contexts take more than they may: nothing is added to them before they take less."""

    name: ClassVar[str] = "AgentThrottled"

    agent: str
    used_bytes: int
    limit_bytes: int
    reason: Reason

    def subject(self, position: int) -> str:
        return f"agent/{self.agent}"


class AgentReleased(Decision):
    """An agent's contexts are within their limit again."""

    name: ClassVar[str] = "AgentReleased"

    agent: str
    used_bytes: int
    limit_bytes: int
    reason: Reason

    def subject(self, position: int) -> str:
        return f"agent/{self.agent}"


class WorkingMemoryReduced(Fact):
    """What was held ready for a model's contexts was let go. Bytes of ours, by what they were for."""

    name: ClassVar[str] = "WorkingMemoryReduced"

    model: str
    before_bytes: int
    after_bytes: int
    freed: dict[str, int]
    #: Slots whose keys and values the provider was told to drop, and what those took by estimate.
    slots: int = 0
    saved_kv_bytes: int = 0

    def subject(self, position: int) -> str:
        return f"model/{self.model}"


class MemoryOptimized(Fact):
    """The steps that were taken to need less memory came to their end."""

    name: ClassVar[str] = "MemoryOptimized"

    #: None for all of them.
    model: str | None
    #: `standard` compresses; `aggressive` lets caches go and packs idle contexts as well.
    strategy: str
    contexts: int
    #: Text that is held in memory no more, and keys and values that need not be: never added up.
    saved_text_bytes: int
    saved_kv_bytes: int

    def subject(self, position: int) -> str:
        return "host" if self.model is None else f"model/{self.model}"


EVENTS = (
    AgentThrottled,
    AgentReleased,
    WorkingMemoryReduced,
    MemoryOptimized,
)
