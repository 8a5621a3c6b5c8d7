"""The limits the rules obey, in integers: bytes, milliseconds, per-mille. State, and changed by a fact."""

from typing import Annotated

from pydantic import Field

from .contexts.settings import AgentSettings, CompressionSettings, ContextSettings, PatternSettings
from .events import Value
from .models.eviction import Policy
from .resilience.settings import (
    PROCEDURES,
    BreakerSettings,
    ConcurrencySettings,
    Procedure,
    RetrySettings,
)

Count = Annotated[int, Field(ge=0, le=2**53)]
Positive = Annotated[int, Field(ge=1, le=2**53)]
PerMille = Annotated[int, Field(ge=1, le=1000)]


class Limits(Value):
    """How much may be held, and for how long."""

    max_models_loaded: Positive = 3
    #: Bytes of main memory for models; None leaves it to `memory_threshold_per_mille` alone.
    memory_bytes: Positive | None = None
    #: Share of a device that may be in use, by us and everybody else together.
    memory_threshold_per_mille: PerMille = 800
    #: Unload after this long without use, whatever the price says; None for the price alone.
    inactivity_timeout_ms: Positive | None = None
    #: What holding one GiB for one hour is worth, in milliseconds of loading; 0 never unloads an idle model.
    idle_price_ms_per_gib_hour: Count = 1000
    #: How long a request may be kept waiting by requests served ahead of it.
    overtake_budget_ms: Count = 60_000
    #: A lease held longer is taken back.
    lease_max_ms: Positive = 3_600_000
    #: Pause after a failed load; doubles with every failure in a row, up to 64 times.
    load_cooldown_ms: Count = 10_000


class Queue(Value):
    """How many may wait."""

    max_waiting: Count = 512


class Eviction(Value):
    """Who leaves when memory is short."""

    policy: Policy = "hybrid"


class Sampling(Value):
    """How often the machine is read, and which readings are worth a row."""

    interval_ms: Positive = 2000
    #: A reading is recorded when a device moved by more than this share of its size since the last one.
    dead_band_per_mille: PerMille = 20


class Reconcile(Value):
    """How often what the providers hold is compared with what is believed."""

    interval_ms: Positive = 5000


class Settings(Value):
    """Everything the rules can be told."""

    limits: Limits = Limits()
    queue: Queue = Queue()
    eviction: Eviction = Eviction()
    sampling: Sampling = Sampling()
    reconcile: Reconcile = Reconcile()
    #: Bytes a model takes, where the user knows better than the estimate.
    model_sizes: dict[str, Positive] = {}
    #: Importance of a model for the `priority` policy; higher stays longer. 0 when not listed.
    priorities: dict[str, int] = {}
    #: Models that are never evicted.
    pins: tuple[str, ...] = ()
    #: Models loaded at the start, in this order, as far as they fit without evicting anybody.
    preload: tuple[str, ...] = ()
    breaker: BreakerSettings = BreakerSettings()
    retry: RetrySettings = RetrySettings()
    concurrency: ConcurrencySettings = ConcurrencySettings()
    recovery: tuple[Procedure, ...] = PROCEDURES
    context: ContextSettings = ContextSettings()
    compression: CompressionSettings = CompressionSettings()
    patterns: PatternSettings = PatternSettings()
    #: Those of which anything is to be said.
    agents: dict[str, AgentSettings] = {}
    #: Model to the one that answers when it cannot be had.
    fallbacks: dict[str, str] = {}
