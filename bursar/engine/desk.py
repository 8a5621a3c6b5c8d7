"""Where callers wait for their leases, and hear when they lose them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ..domain import errors
from ..domain.errors import BursarError, DeadlineExceeded
from ..domain.events import Event
from ..domain.requests.events import (
    LeaseGranted,
    LeaseRevoked,
    RequestAborted,
    RequestExpired,
    RequestRejected,
)
from ..domain.resilience.events import RequestRedirected


def error_from(code: str, values: dict[str, str]) -> BursarError:
    """The error that a decision names by its code."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, BursarError) and kind.code == code:
            with suppress(KeyError):
                return kind(**values)
    return BursarError(detail=f"{code}: {values}")


class Ticket:
    """One request at the desk."""

    def __init__(self, request: int, model: str) -> None:
        self.request = request
        self.model = model
        #: Time of the grant, once there is one.
        self.granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        #: Why the lease was taken back, once it was.
        self.revoked: BursarError | None = None
        #: Called when the lease is taken back.
        self.on_revoked: Callable[[], None] | None = None

    def grant(self, at: int) -> None:
        """The request is served."""
        if not self.granted.done():
            self.granted.set_result(at)

    def redirect(self, model: str) -> None:
        """Another model is to answer; a lease that was held on the first is waited for anew."""
        self.model = model
        if self.granted.done():
            self.granted = asyncio.get_running_loop().create_future()

    def fail(self, error: BursarError) -> None:
        """The request is not served, or no longer."""
        if not self.granted.done():
            self.granted.set_exception(error)
            return
        self.revoked = error
        if self.on_revoked:
            self.on_revoked()


class Desk:
    """Matches decisions about requests with those who wait for them."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}

    def open(self, request: int, model: str) -> Ticket:
        """Wait for the decisions about a request."""
        ticket = self._tickets[request] = Ticket(request, model)
        return ticket

    def close(self, ticket: Ticket) -> None:
        """Wait no more."""
        self._tickets.pop(ticket.request, None)
        if ticket.granted.done() and not ticket.granted.cancelled():
            # Somebody who was cancelled will not look at it: it is not an error that nobody retrieved.
            ticket.granted.exception()

    def hear(self, event: Event) -> None:
        """Pass a decision on to whoever waits for it."""
        request = getattr(event.body, "request", None)
        ticket = self._tickets.get(request) if isinstance(request, int) else None
        if ticket is None:
            return
        match event.body:
            case LeaseGranted():
                ticket.grant(event.at)
            case RequestRedirected(fallback=fallback):
                ticket.redirect(fallback)
            case RequestRejected(code=code, values=values) | LeaseRevoked(code=code, values=values):
                ticket.fail(error_from(code, values))
            case RequestExpired(model=model, waited_ms=waited_ms):
                ticket.fail(DeadlineExceeded(model=model, waited_ms=waited_ms, cause="its deadline passed"))
            case RequestAborted(model=model):
                ticket.fail(errors.RequestAborted(model=model, cause="the manager is closing"))
            case _:
                pass

    def fail_all(self, error: BursarError) -> None:
        """Nobody will be served any more."""
        for ticket in tuple(self._tickets.values()):
            ticket.fail(error)

    @property
    def empty(self) -> bool:
        """Whether nobody waits or holds a lease."""
        return not self._tickets
