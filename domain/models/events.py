"""Facts and decisions about models."""

from typing import ClassVar, Literal

from ..events import Decision, Fact
from ..reasons import Reason
from .values import Description, Residency

#: Whose doing a change was: `external` when neither the manager's nor that of a process it runs itself.
Hand = Literal["own", "external"]
#: How a model leaves memory: for good, or so that it can be woken.
Leave = Literal["unload", "sleep"]
#: Why a model leaves.
Motive = Literal["evicted", "idle", "operator", "pressure", "shutdown", "recovery", "window"]


class OfModel:
    """Mixed into events about one model."""

    model: str

    def subject(self, position: int) -> str:
        return f"model/{self.model}"


class OfResidency:
    """Mixed into events about what a model takes and grants, none of which moves it."""

    model: str

    def subject(self, position: int) -> str:
        return f"residency/{self.model}"


class ModelDescribed(Fact):
    """A provider said what it knows of a model."""

    name: ClassVar[str] = "ModelDescribed"

    description: Description

    def subject(self, position: int) -> str:
        return f"description/{self.description.model}"


class ModelLoaded(OfModel, Fact):
    """A load has come to its end: the model answers."""

    name: ClassVar[str] = "ModelLoaded"

    model: str
    residency: Residency
    load_ms: int


class ModelLoadFailed(OfModel, Fact):
    """A load has come to nothing, and left nothing behind."""

    name: ClassVar[str] = "ModelLoadFailed"

    model: str
    code: str
    cause_text: str
    #: What a provider that is busy asked for.
    retry_after_ms: int | None = None


class ModelUnloaded(OfModel, Fact):
    """The model is gone and its memory is free."""

    name: ClassVar[str] = "ModelUnloaded"

    model: str
    unload_ms: int


class ModelUnloadFailed(OfModel, Fact):
    """The provider could not unload it; it is still in memory, and serves on."""

    name: ClassVar[str] = "ModelUnloadFailed"

    model: str
    cause_text: str


class ModelSlept(OfModel, Fact):
    """The model was put to sleep: it gave back most of its memory, and must be woken before it serves."""

    name: ClassVar[str] = "ModelSlept"

    model: str
    #: What it takes asleep.
    residency: Residency
    sleep_ms: int = 0
    origin: Hand = "own"


class ModelWoken(OfModel, Fact):
    """A sleeping model serves again."""

    name: ClassVar[str] = "ModelWoken"

    model: str
    residency: Residency
    wake_ms: int = 0
    origin: Hand = "own"


class ModelWakeFailed(OfModel, Fact):
    """A sleeping model could not be woken; it sleeps on."""

    name: ClassVar[str] = "ModelWakeFailed"

    model: str
    code: str
    cause_text: str


class ModelLost(OfModel, Fact):
    """The model vanished without us: a crash, or somebody else's hand."""

    name: ClassVar[str] = "ModelLost"

    model: str
    cause_text: str
    #: `external` for somebody else's hand, or a provider that ended or forgot it.
    origin: Hand = "own"


class ModelFound(OfModel, Fact):
    """The provider holds a model that the journal did not know to be in memory."""

    name: ClassVar[str] = "ModelFound"

    model: str
    residency: Residency
    #: Who loaded it, as far as can be told; what others loaded stays when the manager closes.
    origin: Hand = "own"


class ResidencyChanged(OfResidency, Fact):
    """A model in memory is not as it was last recorded: its memory, its device or its window."""

    name: ClassVar[str] = "ResidencyChanged"

    model: str
    residency: Residency
    origin: Hand = "external"


class MemoryMeasured(OfResidency, Fact):
    """What the machine itself saw a load take, beside what the provider says of it. Bytes by device."""

    name: ClassVar[str] = "MemoryMeasured"

    model: str
    #: Version of its engine, as in its description.
    engine: str
    #: Empty when the provider does not measure.
    reported: dict[str, int]
    sensed: dict[str, int]
    #: How it was sensed, such as `nvml delta`.
    provenance: str


class EffectOutcomeUnknown(Fact):
    """A load or unload had been asked for when the previous manager ended; nobody heard its outcome."""

    name: ClassVar[str] = "EffectOutcomeUnknown"

    model: str
    #: Position of the intent.
    intent: int

    def subject(self, position: int) -> str:
        return f"effect/{self.intent}"


class PinChanged(Fact):
    """An operator pinned a model, or let it go."""

    name: ClassVar[str] = "PinChanged"
    durable: ClassVar[bool] = True

    model: str
    pinned: bool

    def subject(self, position: int) -> str:
        return f"pin/{self.model}"


class UnloadRequested(Fact):
    """An operator wants a model out of memory."""

    name: ClassVar[str] = "UnloadRequested"

    model: str

    def subject(self, position: int) -> str:
        return f"description/{self.model}"


class FreeRequested(Fact):
    """An operator wants every model out of memory that nobody uses."""

    name: ClassVar[str] = "FreeRequested"


class EvictionPlanned(Decision):
    """Room will be made: all of `victims` leave, and then what they free suffices."""

    name: ClassVar[str] = "EvictionPlanned"

    #: The model that room is made for; None when it is the machine that is short.
    model: str | None
    request: int | None
    need: dict[str, int]
    #: Part of the need that is not free and not about to be; of an excess, what idle models can make up for.
    shortfall: dict[str, int]
    victims: tuple[str, ...]
    reason: Reason

    def subject(self, position: int) -> str:
        return f"plan/{self.model}" if self.model else "host"


class PlanAbandoned(Decision):
    """Room need not be made any more, or cannot be made this way."""

    name: ClassVar[str] = "PlanAbandoned"

    model: str
    reason: Reason

    def subject(self, position: int) -> str:
        return f"plan/{self.model}"


class ModelLoadStarted(OfModel, Decision):
    """Intent: the provider is asked to load it. Its memory counts from here on."""

    name: ClassVar[str] = "ModelLoadStarted"

    model: str
    request: int | None
    need: dict[str, int]
    reason: Reason
    how: Literal["load", "wake"] = "load"


class ModelDrainStarted(OfModel, Decision):
    """It takes nobody new and will be unloaded when those it serves are done."""

    name: ClassVar[str] = "ModelDrainStarted"

    model: str
    motive: Motive
    #: Position of the plan it is a victim of.
    plan: int | None
    leases: int
    reason: Reason


class ModelDrainCancelled(OfModel, Decision):
    """It may stay: the load that displaced it is off."""

    name: ClassVar[str] = "ModelDrainCancelled"

    model: str
    reason: Reason


class ModelUnloadStarted(OfModel, Decision):
    """Intent: the provider is asked to unload it."""

    name: ClassVar[str] = "ModelUnloadStarted"

    model: str
    motive: Motive
    plan: int | None
    reason: Reason
    how: Leave = "unload"


class ModelCooledDown(OfModel, Decision):
    """The pause after a failed load is over; it may be tried again."""

    name: ClassVar[str] = "ModelCooledDown"

    model: str
    reason: Reason


class ModelWrittenOff(OfModel, Decision):
    """A lost model is struck from the books, its memory with it."""

    name: ClassVar[str] = "ModelWrittenOff"

    model: str
    reason: Reason


class ResidencyAssumed(OfModel, Decision):
    """Its provider cannot load models: this one is taken to be served whenever the provider is there."""

    name: ClassVar[str] = "ResidencyAssumed"

    model: str
    reason: Reason


class EstimateExceeded(OfResidency, Decision):
    """A model takes more than was set aside for it; the ledger counts what was measured from here on."""

    name: ClassVar[str] = "EstimateExceeded"

    model: str
    #: Bytes by device.
    expected: dict[str, int]
    measured: dict[str, int]
    reason: Reason


class ContextShrunk(OfResidency, Decision):
    """A model in memory has a smaller window than was asked for, in tokens over all slots."""

    name: ClassVar[str] = "ContextShrunk"

    model: str
    asked: int
    granted: int
    reason: Reason


class UnderreportingNoticed(Decision):
    """A provider says again and again that its models take less than they do: what it says is corrected."""

    name: ClassVar[str] = "UnderreportingNoticed"

    provider: str
    model: str
    engine: str
    #: What is added to its figures from here on, in per-mille of them.
    added_per_mille: int
    reason: Reason

    def subject(self, position: int) -> str:
        return f"provider/{self.provider}"


class ResourcesFreed(Decision):
    """What an operator wanted freed is free."""

    name: ClassVar[str] = "ResourcesFreed"

    models: tuple[str, ...]
    freed: dict[str, int]
    reason: Reason


EVENTS = (
    ModelDescribed,
    ModelLoaded,
    ModelLoadFailed,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelSlept,
    ModelWoken,
    ModelWakeFailed,
    ModelLost,
    ModelFound,
    ResidencyChanged,
    MemoryMeasured,
    EffectOutcomeUnknown,
    PinChanged,
    UnloadRequested,
    FreeRequested,
    EvictionPlanned,
    PlanAbandoned,
    ModelLoadStarted,
    ModelDrainStarted,
    ModelDrainCancelled,
    ModelUnloadStarted,
    ModelCooledDown,
    ModelWrittenOff,
    ResidencyAssumed,
    EstimateExceeded,
    ContextShrunk,
    UnderreportingNoticed,
    ResourcesFreed,
)
