"""Facts and decisions about breakers, retries, recovery and fallbacks."""

from typing import ClassVar, Literal

from ..events import Decision, Fact
from ..reasons import Reason
from .machine import BreakerState
from .settings import Action

#: Where an operator may bring a breaker.
Wished = Literal["closed", "forced_open", "disabled", "metrics_only"]


#: What moves a breaker.
Trigger = Literal[
    "failure_rate",
    "slow_call_rate",
    "wait_over",
    "probes_passed",
    "probes_late",
    "ramp_over",
    "operator",
    "handed_back",
    "mode",
]


class OfBreaker:
    """Mixed into events about one provider's breaker."""

    provider: str

    def subject(self, position: int) -> str:
        return f"breaker/{self.provider}"


class OfRequest:
    """Mixed into events about one request."""

    request: int

    def subject(self, position: int) -> str:
        return f"request/{self.request}"


class BreakerSet(OfBreaker, Fact):
    """An operator brings a breaker into a state; `closed` leaves it to the rules again."""

    name: ClassVar[str] = "BreakerSet"
    durable: ClassVar[bool] = True

    provider: str
    state: Wished


class RetryAsked(OfRequest, Fact):
    """A call failed before its first byte, and might be made again."""

    name: ClassVar[str] = "RetryAsked"

    request: int
    code: str
    cause_text: str
    #: What the provider asked for.
    retry_after_ms: int | None = None


class RecoveryFinished(OfBreaker, Fact):
    """A recovery procedure has come to its end."""

    name: ClassVar[str] = "RecoveryFinished"

    provider: str
    action: Action
    ok: bool
    #: What was done, or why it could not be.
    cause_text: str


class BreakerChanged(OfBreaker, Decision):
    """A breaker has moved; `calls`, `failed` and `slow` are those of its window."""

    name: ClassVar[str] = "BreakerChanged"

    provider: str
    before: BreakerState
    after: BreakerState
    trigger: Trigger
    calls: int
    failed: int
    slow: int
    #: How long it stays at most; 0 when time alone does not move it.
    wait_ms: int
    reason: Reason


class ConcurrencyChanged(OfBreaker, Decision):
    """A provider serves more or fewer at once; None leaves it to the slots of its models."""

    name: ClassVar[str] = "ConcurrencyChanged"

    provider: str
    before: int | None
    after: int | None
    trigger: Literal["cut", "raised", "scale_down"]
    reason: Reason


class RecoveryStarted(OfBreaker, Decision):
    """Intent: something is done for a provider that keeps failing."""

    name: ClassVar[str] = "RecoveryStarted"

    provider: str
    action: Action
    #: In a row.
    failures: int
    reason: Reason


class RetryGranted(OfRequest, Decision):
    """The call may be made again, after a wait; the lease is kept meanwhile."""

    name: ClassVar[str] = "RetryGranted"

    request: int
    model: str
    #: The first attempt was number 1.
    attempt: int
    wait_ms: int
    reason: Reason


class RetryDenied(OfRequest, Decision):
    """The call is not made again; the caller hears of the failure."""

    name: ClassVar[str] = "RetryDenied"

    request: int
    model: str
    code: str
    reason: Reason


class RequestRedirected(OfRequest, Decision):
    """Another model answers instead, which the settings name; a lease on the first is over."""

    name: ClassVar[str] = "RequestRedirected"

    request: int
    model: str
    fallback: str
    reason: Reason


EVENTS = (
    BreakerSet,
    RetryAsked,
    RecoveryFinished,
    BreakerChanged,
    ConcurrencyChanged,
    RecoveryStarted,
    RetryGranted,
    RetryDenied,
    RequestRedirected,
)
