"""What can become of a request, and what the front door refuses."""

from .base import BursarError


class SettingsInvalid(BursarError):
    """A setting is unknown or impossible."""

    code = "SETTINGS_INVALID"
    message = "{path}: {problem} (given: {given}). {remedy}"


class QueueFull(BursarError):
    """As many requests wait as the settings allow."""

    code = "QUEUE_FULL"
    message = "{waiting} requests wait already, the limit is {limit}. Try again later."


class DeadlineExceeded(BursarError):
    """The request was not served before its deadline."""

    code = "DEADLINE_EXCEEDED"
    message = "{model} was not free within {waited_ms} ms: {cause}"


class LeaseExpired(BursarError):
    """The lease was held longer than the settings allow and has been taken back."""

    code = "LEASE_EXPIRED"
    message = "the lease on {model} was taken back after {held_ms} ms (limits.lease_max)"


class RequestAborted(BursarError):
    """The manager stopped while the request was open."""

    code = "REQUEST_ABORTED"
    message = "the request for {model} was aborted: {cause}"


class ManagerClosed(BursarError):
    """The manager has been closed."""

    code = "MANAGER_CLOSED"
    message = "this manager is closed; open the journal again"


class NoSuchEvent(BursarError):
    """Nothing is recorded under that name."""

    code = "NO_SUCH_EVENT"
    message = "there is no event called {name!r}; docs/events.md lists them"


class NoSuchPosition(BursarError):
    """The journal has no event at the position."""

    code = "NO_SUCH_POSITION"
    message = "there is no event at position {position}; the journal has {head} events"


class NoSuchModel(BursarError):
    """No event of the journal moved a model of that name."""

    code = "NO_SUCH_MODEL"
    message = "{model!r} was never in memory, and nobody tried to load it; {remedy}"


class NoSuchRequest(BursarError):
    """The position is not that of a request's arrival."""

    code = "NO_SUCH_REQUEST"
    message = "there is no request/{request}; a request has the position of its RequestArrived"
