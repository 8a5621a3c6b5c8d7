"""Facts and decisions about the manager and its machine."""

from typing import ClassVar

from ..events import Decision, Fact
from ..models.values import Reading
from ..reasons import Reason
from ..settings import Settings


class ManagerStarted(Fact):
    """A process took over the journal. What the previous one left open is settled now."""

    name: ClassVar[str] = "ManagerStarted"
    durable: ClassVar[bool] = True

    pid: int
    host: str
    code_version: str
    #: Hash of the rules' source: two runs with one fingerprint decide alike.
    code_fingerprint: str
    python: str
    sqlite: str


class ManagerReconciled(Fact):
    """What the providers hold has been compared with the journal; requests may be served."""

    name: ClassVar[str] = "ManagerReconciled"


class ManagerStopping(Fact):
    """The manager was asked to close: nothing new is served, and every model of ours is unloaded."""

    name: ClassVar[str] = "ManagerStopping"


class ManagerStopped(Fact):
    """The manager closed in good order."""

    name: ClassVar[str] = "ManagerStopped"
    durable: ClassVar[bool] = True


class SettingsChanged(Fact):
    """The limits from here on, all of them."""

    name: ClassVar[str] = "SettingsChanged"
    durable: ClassVar[bool] = True

    settings: Settings


class StateDigested(Fact):
    """SHA-256 of the live state as it was before this event; a replay must come to the same."""

    name: ClassVar[str] = "StateDigested"

    digest: str


class MetricsSampled(Fact):
    """The machine was read, and had moved since the last recorded reading."""

    name: ClassVar[str] = "MetricsSampled"

    reading: Reading


class TimerFired(Fact):
    """A moment that the rules were waiting for has come. Recorded only when it led to a decision."""

    name: ClassVar[str] = "TimerFired"


class MemoryOvercommitted(Decision):
    """More memory is in use than may be, and nothing that could be unloaded is idle; admission stops."""

    name: ClassVar[str] = "MemoryOvercommitted"

    #: Bytes over the limit, by device.
    excess: dict[str, int]
    reason: Reason


class MemoryRelieved(Decision):
    """Memory is within its limits again."""

    name: ClassVar[str] = "MemoryRelieved"

    reason: Reason


EVENTS = (
    ManagerStarted,
    ManagerReconciled,
    ManagerStopping,
    ManagerStopped,
    SettingsChanged,
    StateDigested,
    MetricsSampled,
    TimerFired,
    MemoryOvercommitted,
    MemoryRelieved,
)
