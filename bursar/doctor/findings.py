"""What the doctor found."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ..discovery import Ignored


@dataclass(frozen=True, slots=True)
class ProviderFinding:
    """One provider, as it answered."""

    name: str
    #: Its URL, or the folder of the embedded one.
    place: str
    #: How it is known: `settings`, a variable, or what it was found at.
    source: str
    enabled: bool = True
    reachable: bool = False
    #: As it writes it; empty when it does not say.
    version: str = ""
    #: Of the question how it is, in milliseconds, connecting included.
    latency_ms: float | None = None
    capabilities: tuple[str, ...] = ()
    #: Ability that it lacks, and why.
    lacks: dict[str, str] = field(default_factory=dict[str, str])
    #: Numbers of models; None where it does not say.
    installed: int | None = None
    loaded: int | None = None
    note: str = ""
    #: Of the error, when something is wrong with it.
    code: str = ""
    cause: str = ""
    remedy: str = ""

    @property
    def well(self) -> bool:
        """It answers as it should, or is not to be asked."""
        return not self.enabled or (self.reachable and not self.code)


@dataclass(frozen=True, slots=True)
class Device:
    """Memory in bytes."""

    device: str
    total_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What the sensors read."""

    cores: int
    devices: tuple[Device, ...]
    #: Why there is no graphics device; empty when there is one.
    no_gpu: str


@dataclass(frozen=True, slots=True)
class JournalFinding:
    """The journal, read without touching it."""

    path: str
    #: `absent`, `free`, `in use` or `unusable`.
    state: str
    events: int = 0
    size_bytes: int = 0
    #: Process that has it open.
    owner: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """All of it."""

    providers: tuple[ProviderFinding, ...]
    ignored: tuple[Ignored, ...]
    machine: Machine
    journal: JournalFinding
    #: Name to version.
    versions: dict[str, str]

    @property
    def well(self) -> bool:
        """Every provider that is to be used is well, and the journal is not damaged."""
        return all(provider.well for provider in self.providers) and self.journal.state != "unusable"

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        providers = [{**asdict(provider), "well": provider.well} for provider in self.providers]
        return {"well": self.well, **asdict(self), "providers": providers}
