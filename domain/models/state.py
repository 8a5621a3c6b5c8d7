"""What is known of a model, of a plan to make room, and of an operator's wish to free memory."""

from dataclasses import dataclass, field

from .demand import Demand
from .events import Hand, Motive
from .eviction import Amounts
from .machine import ModelState
from .values import Description, Residency


@dataclass(frozen=True)
class Model:
    """One model, in memory or not. Times in UTC nanoseconds."""

    name: str
    state: ModelState = ModelState.ABSENT
    #: When it entered that state.
    since: int = 0
    description: Description | None = None
    #: Bytes by device that the ledger counts while the model is resident.
    memory: Amounts = field(default_factory=dict[str, int])
    #: Where those bytes come from: `estimate (gguf header)`, `measured (rss)`, `settings`.
    provenance: str = ""
    #: What it was loaded as (`ledger.identity`); empty when nobody knows.
    identity: str = ""
    #: Milliseconds the last loads took, smoothed; None before the first.
    load_ms: int | None = None
    demand: Demand = Demand()
    #: Positions of the requests that hold it, in the order of their grants.
    leases: tuple[int, ...] = ()
    #: End of the last lease, or the moment it became ready.
    last_used_at: int = 0
    #: Why it is leaving, while it is.
    motive: Motive | None = None
    #: Position of the plan it is a victim of, while it is.
    plan: int | None = None
    #: Position of the load or unload whose outcome is awaited.
    intent: int | None = None
    #: Requests it serves at once, as its provider reports them.
    slots: int = 1
    #: Loads, or once it is in memory unloads, that failed in a row, and when the next may be tried.
    failures: int = 0
    retry_at: int = 0
    #: What the last failure was; empty after a success.
    failure: str = ""
    #: An operator wants it out as soon as it has been loaded.
    unwanted: bool = False
    #: Who loaded it.
    origin: Hand = "own"
    #: Its provider cannot load: it is no model of ours to move, and takes what its provider says or nothing.
    assumed: bool = False
    #: As its provider reported it last; None while it is not in memory.
    residency: Residency | None = None
    #: Bytes by device that were set aside for its load.
    expected: Amounts = field(default_factory=dict[str, int])
    #: Bytes by device that it took when it slept last; None before the first time.
    asleep: Amounts | None = None
    #: As its provider describes it; `description` is that with the window that was chosen.
    described: Description | None = None
    #: Window that was chosen for its loads, over all slots; 0 where none was.
    window_tokens: int = 0
    #: Window that its last load asked for, and the smallest that could not be had since it was in memory.
    asked_tokens: int = 0
    failed_tokens: int = 0


@dataclass(frozen=True)
class Plan:
    """Room is being made for a model; it will be loaded when its victims are gone."""

    position: int
    model: str
    request: int | None
    need: Amounts
    victims: tuple[str, ...]


@dataclass(frozen=True)
class Freeing:
    """An operator asked for memory; these models are on their way out."""

    models: tuple[str, ...]
    pending: tuple[str, ...]
    freed: Amounts
