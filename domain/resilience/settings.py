"""What the rules of this room obey: resilience4j's names, in integers (milliseconds, per-mille, counts)."""

from typing import Annotated, Literal

from pydantic import Field

from ..events import Value

_Count = Annotated[int, Field(ge=0, le=2**53)]
_Positive = Annotated[int, Field(ge=1, le=2**53)]
_PerMille = Annotated[int, Field(ge=1, le=1000)]
#: Factors are per-mille, and nothing shrinks that is said to grow.
_Factor = Annotated[int, Field(ge=1000, le=1_000_000)]
_Calls = Annotated[int, Field(ge=1, le=1000)]

Mode = Literal["enforce", "shadow", "off"]
Action = Literal["cleanup", "restart", "scale-down"]

#: Codes that say that the provider failed.
RECORDED = ("PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT", "PROVIDER_CANCELLED", "MODEL_LOST", "SYSTEM_ERROR")
#: Codes that say nothing about the provider: the caller's faults, a model's own, what is obeyed otherwise.
IGNORED = (
    "CONTEXT_TOO_LARGE",
    "PROMPT_TRUNCATED",
    "INVALID_MODEL_ID",
    "UNSUPPORTED",
    "PROVIDER_AUTH_FAILED",
    "PROVIDER_BUSY",
    "MODEL_LOAD_FAILED",
    "OUT_OF_MEMORY",
    "LEASE_EXPIRED",
    "CIRCUIT_OPEN",
    "MANAGER_CLOSED",
)
#: Codes after which the same call may succeed, and nothing has happened by the first one.
RETRIED = ("PROVIDER_UNAVAILABLE", "PROVIDER_BUSY", "PROVIDER_CANCELLED")


class Ramp(Value):
    """How concurrency grows back after the probes have succeeded (Envoy's slow start)."""

    #: How long it takes; 0 for at once.
    window_ms: _Count = 30_000
    #: 1 is linear, more is faster at first: the share is the aggression-th root of the time.
    aggression: Annotated[int, Field(ge=1, le=10)] = 1
    #: What passes in any case.
    min_per_mille: _PerMille = 100


class BreakerSettings(Value):
    """When a provider is not asked for a while."""

    #: `shadow` only writes down when it would have opened.
    mode: Mode = "enforce"
    failure_rate_threshold_per_mille: _PerMille = 500
    slow_call_rate_threshold_per_mille: _PerMille = 1000
    #: What counts as slow; None for `slow_call_factor_per_mille` of the model's own 95th percentile.
    slow_call_duration_threshold_ms: Annotated[int, Field(ge=1, le=2**53)] | None = None
    slow_call_factor_per_mille: _Factor = 3000
    sliding_window_type: Literal["count", "time"] = "count"
    #: Calls, or seconds.
    sliding_window_size: _Calls = 100
    minimum_number_of_calls: _Calls = 10
    wait_duration_in_open_state_ms: _Positive = 60_000
    #: Every opening in a row waits longer by this.
    wait_duration_multiplier_per_mille: _Factor = 2000
    wait_duration_max_ms: _Positive = 600_000
    permitted_calls_in_half_open: _Calls = 3
    #: It opens again when the probes are not done by then; 0 waits for them as long as it takes.
    max_wait_in_half_open_ms: _Count = 0
    #: Error codes that are failures; any other that is not ignored is an answer, and so a success.
    record: tuple[str, ...] = RECORDED
    ignore: tuple[str, ...] = IGNORED
    ramp: Ramp = Ramp()


class RetrySettings(Value):
    """Calls that failed before the first byte are made again, within a budget (Envoy's)."""

    #: Attempts, the first one included; 1 for none but that.
    max_attempts: _Positive = 3
    wait_ms: _Count = 500
    wait_multiplier_per_mille: _Factor = 1500
    #: By how much a wait may be shorter or longer.
    randomization_per_mille: Annotated[int, Field(ge=0, le=1000)] = 500
    #: Whoever would have to wait longer is not served.
    wait_max_ms: _Count = 30_000
    #: Share of the open requests that may be retried at once, and how many may in any case.
    budget_per_mille: _PerMille = 200
    budget_min: _Count = 3
    codes: tuple[str, ...] = RETRIED


class ConcurrencySettings(Value):
    """How many requests a provider serves at once: as many as its slots, until it shows that is too much."""

    mode: Literal["aimd", "off"] = "aimd"
    #: What is left of the limit after a sign of too much.
    backoff_ratio_per_mille: _PerMille = 900


class Procedure(Value):
    """What is done for a provider that fails again and again."""

    action: Action
    #: Failures in a row.
    threshold: _Positive
    #: Before it is done again.
    cooldown_ms: _Positive


PROCEDURES = (Procedure(action="cleanup", threshold=5, cooldown_ms=60_000),)
