"""The settings there are, their defaults and bounds; sizes are kept in bytes and times in seconds."""

from typing import Annotated

from pydantic import AliasChoices, Field, PlainValidator

from ..domain.models.eviction import Policy
from .contexts import Agent, Compression, Context, Patterns
from .kinds import (
    AgentName,
    Bytes,
    Count,
    ModelId,
    ModelIds,
    PositiveCount,
    PositiveSeconds,
    Seconds,
    Section,
    Share,
)
from .quantities import MOST, Size, Time, Whole, or_none
from .resilience import Breaker, Concurrency, Recovery, Retry
from .servers import Providers


class Limits(Section):
    """How much may be held, and for how long."""

    max_models_loaded: PositiveCount = 3
    #: Of main memory, for models; None leaves it to `memory_threshold` alone.
    memory: Annotated[int | None, PlainValidator(or_none(Size()))] = None
    #: Share of a device that may be in use, by models and everybody else together.
    memory_threshold: Share = 0.8
    #: Unload after this long without use, whatever the price says; None for the price alone.
    inactivity_timeout: Annotated[float | None, PlainValidator(or_none(Time(least_ms=1)))] = Field(
        default=None, validation_alias=AliasChoices("inactivity_timeout", "inactivity_timeout_s")
    )
    #: Seconds of loading that holding one GiB for one hour is worth; 0 never unloads an idle model.
    idle_price: Seconds = 1.0
    #: How long a request may be kept waiting by requests served ahead of it.
    overtake_budget: Seconds = 60.0
    #: A lease held longer is taken back.
    lease_max: PositiveSeconds = 3600.0
    #: Pause after a failed load; doubles with every failure in a row, up to 64 times.
    load_cooldown: Seconds = 10.0


class Queue(Section):
    """How many requests may wait."""

    max_waiting: Count = 512


class Eviction(Section):
    """Who leaves when memory is short."""

    policy: Policy = "hybrid"


class Sampling(Section):
    """How often the machine is read, and which readings are recorded."""

    interval: PositiveSeconds = 2.0
    #: A reading is recorded when a device moved by more than this share of its size since the last one.
    dead_band: Share = 0.02


class Reconcile(Section):
    """How often what the providers hold is compared with what bursar believes."""

    interval: PositiveSeconds = 5.0


class Sections(Section):
    """All of them."""

    limits: Limits = Limits()
    queue: Queue = Queue()
    eviction: Eviction = Eviction()
    sampling: Sampling = Sampling()
    reconcile: Reconcile = Reconcile()
    #: What a model takes, where the user knows better than the estimate.
    model_sizes: dict[ModelId, Bytes] = {}
    #: Importance of a model for the `priority` policy; higher stays longer. 0 when not listed.
    priorities: dict[ModelId, Annotated[int, PlainValidator(Whole(-MOST))]] = {}
    #: Models that are never evicted.
    pins: ModelIds = ()
    #: Models loaded at the start, in this order, as far as they fit without evicting anybody.
    preload: ModelIds = ()
    providers: Providers = Providers()
    breaker: Breaker = Breaker()
    retry: Retry = Retry()
    concurrency: Concurrency = Concurrency()
    recovery: Recovery = Recovery()
    context: Context = Context()
    compression: Compression = Compression()
    patterns: Patterns = Patterns()
    #: Those of which anything is to be said, by name.
    agents: dict[AgentName, Agent] = {}
    #: Model to the one that answers when it cannot be had.
    fallbacks: dict[ModelId, ModelId] = {}
