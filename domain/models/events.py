"""Facts and decisions about models."""

from typing import ClassVar, Literal

from ..events import Decision, Fact
from ..reasons import Reason
from .values import Description, Residency

#: Why a model leaves.
Motive = Literal["evicted", "idle", "operator", "pressure", "shutdown"]


class OfModel:
    """Mixed into events about one model."""

    model: str

    def subject(self, position: int) -> str:
        return f"model/{self.model}"


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


class ModelLost(OfModel, Fact):
    """The model vanished without us: a crash, or somebody else's hand."""

    name: ClassVar[str] = "ModelLost"

    model: str
    cause_text: str


class ModelFound(OfModel, Fact):
    """The provider holds a model that the journal did not know to be in memory."""

    name: ClassVar[str] = "ModelFound"

    model: str
    residency: Residency


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
    ModelLost,
    ModelFound,
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
    ResourcesFreed,
)
