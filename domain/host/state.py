"""What is known of the manager and its machine."""

from dataclasses import dataclass, field
from enum import StrEnum

from ..models.eviction import Amounts
from ..models.values import Reading
from ..settings import Settings


class Phase(StrEnum):
    """Where the manager is in its life."""

    #: No process owns the journal.
    STOPPED = "stopped"
    #: A process took over and is finding out what is in memory.
    STARTING = "starting"
    #: Requests are served.
    RUNNING = "running"
    #: Nothing new is served; models are being unloaded.
    STOPPING = "stopping"


@dataclass(frozen=True)
class Host:
    """The manager, its settings, and the last recorded reading of the machine."""

    phase: Phase = Phase.STOPPED
    settings: Settings = Settings()
    #: Position of the settings in force; 0 for the defaults.
    settings_position: int = 0
    #: Models pinned or unpinned by an operator, over what the settings say.
    pins: dict[str, bool] = field(default_factory=dict[str, bool])
    reading: Reading | None = None
    reading_position: int = 0
    reading_at: int = 0
    #: Bytes that others than our models use, by device, at that reading.
    other: Amounts = field(default_factory=dict[str, int])
    #: More memory is in use than may be, and nothing idle could be unloaded.
    overcommitted: bool = False

    def pinned(self, model: str) -> bool:
        """Whether a model may not be evicted: the operator's word, or else the settings'."""
        return self.pins.get(model, model in self.settings.pins)


@dataclass(frozen=True)
class Totals:
    """Counts since the journal began."""

    loads: int = 0
    load_ms: int = 0
    load_failures: int = 0
    unloads: int = 0
    evictions: int = 0
    lost: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    rejected: int = 0
    expired: int = 0
    aborted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
