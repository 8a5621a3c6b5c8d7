"""Facts and decisions about requests. A request's id is the position of its `RequestArrived`."""

from typing import ClassVar, Literal

from ..events import Decision, Fact
from ..reasons import Reason

Purpose = Literal["chat", "lease", "load", "embed"]
Outcome = Literal["completed", "failed"]


class RequestArrived(Fact):
    """Somebody wants a model."""

    name: ClassVar[str] = "RequestArrived"

    model: str
    purpose: Purpose
    agent: str
    #: Higher is served first.
    priority: int = 0
    #: Milliseconds from arrival within which it must be granted.
    deadline_ms: int | None = None
    #: Tokens that the answer may have, when the caller said so.
    max_tokens: int | None = None

    def subject(self, position: int) -> str:
        return f"request/{position}"


class OfRequest:
    """Mixed into events about one request."""

    request: int

    def subject(self, position: int) -> str:
        return f"request/{self.request}"


class RequestCancelled(OfRequest, Fact):
    """Whoever asked went away before or while being served."""

    name: ClassVar[str] = "RequestCancelled"

    request: int


class RequestFinished(OfRequest, Fact):
    """The holder of a lease is done with it."""

    name: ClassVar[str] = "RequestFinished"

    request: int
    outcome: Outcome
    #: From the grant to the end.
    held_ms: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    #: From the grant to the first token.
    first_token_ms: int | None = None
    #: Of that, what the provider says that it loaded for.
    load_ms: int | None = None
    #: Code and text of the error of a failed one.
    error_code: str | None = None
    error: str | None = None


class PromptTruncated(OfRequest, Fact):
    """The provider cut the prompt and answered what was left of it."""

    name: ClassVar[str] = "PromptTruncated"

    request: int
    model: str
    #: Tokens that were left, and that there had been as far as can be told.
    prompt_tokens: int
    expected_tokens: int
    context_tokens: int
    #: How it is known: `halved`, `filled`, `far_below_estimate`, `reported`.
    signature: str


class RequestQueued(OfRequest, Decision):
    """It has to wait; the reason says for what."""

    name: ClassVar[str] = "RequestQueued"

    request: int
    model: str
    reason: Reason


class LeaseGranted(OfRequest, Decision):
    """It may use the model until it finishes; a leased model is not unloaded."""

    name: ClassVar[str] = "LeaseGranted"

    request: int
    model: str
    waited_ms: int
    reason: Reason


class RequestRejected(OfRequest, Decision):
    """It will not be served; `values` are what the error's message names."""

    name: ClassVar[str] = "RequestRejected"

    request: int
    model: str
    code: str
    values: dict[str, str]
    reason: Reason


class RequestExpired(OfRequest, Decision):
    """Its deadline passed while it waited."""

    name: ClassVar[str] = "RequestExpired"

    request: int
    model: str
    waited_ms: int
    reason: Reason


class LeaseRevoked(OfRequest, Decision):
    """The lease is over although its holder is not done: the model is lost, or it was held too long."""

    name: ClassVar[str] = "LeaseRevoked"

    request: int
    model: str
    code: str
    values: dict[str, str]
    reason: Reason


class RequestAborted(OfRequest, Decision):
    """It was open when the manager stopped, and nobody waits for it any more."""

    name: ClassVar[str] = "RequestAborted"

    request: int
    model: str
    reason: Reason


EVENTS = (
    RequestArrived,
    RequestCancelled,
    RequestFinished,
    PromptTruncated,
    RequestQueued,
    LeaseGranted,
    RequestRejected,
    RequestExpired,
    LeaseRevoked,
    RequestAborted,
)
