"""Asking for a model, holding it, and giving it back; whatever happens, the request ends exactly once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from ..domain.errors import BursarError, ProviderBusy, ProviderTimeout, ProviderUnavailable
from ..domain.events import Fact
from ..domain.kernel import Origin
from ..domain.models.events import ModelDescribed
from ..domain.models.machine import ModelState
from ..domain.providers.names import provider_of
from ..domain.requests.events import Purpose, RequestArrived, RequestCancelled, RequestFinished
from ..domain.requests.line import NS_PER_MS
from ..domain.resilience.fallback import chain
from ..domain.resilience.gate import refusing
from ..providers import Directory, Target
from .desk import Desk, Ticket
from .engine import Engine
from .probing import observe


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for, and how urgently."""

    purpose: Purpose
    agent: str = ""
    priority: int = 0
    deadline_s: float | None = None
    max_tokens: int | None = None

    def after(self, seconds: float) -> "Wish":
        """What is left of it after that long."""
        if self.deadline_s is None:
            return self
        return replace(self, deadline_s=max(0.0, self.deadline_s - seconds))


class Lease:
    """A model that is held: it is not unloaded before `end`."""

    def __init__(self, engine: Engine, desk: Desk, ticket: Ticket, granted_at: int) -> None:
        self._engine = engine
        self._desk = desk
        self._ticket = ticket
        self._granted_at = granted_at
        self.ended = False

    @property
    def model(self) -> str:
        """Id of the model."""
        return self._ticket.model

    @property
    def request(self) -> int:
        """Id of the request: its position in the journal."""
        return self._ticket.request

    @property
    def revoked(self) -> BursarError | None:
        """Why it was taken back, once it was."""
        return self._ticket.revoked

    def on_revoked(self, callback: Callable[[], None]) -> None:
        """Be told when it is taken back."""
        self._ticket.on_revoked = callback

    async def granted_again(self) -> None:
        """Wait for the model that answers instead; raises why it cannot be had."""
        self._granted_at = await self._ticket.granted

    def held_ms(self) -> int:
        """Milliseconds since the grant."""
        return (self._engine.clock.now() - self._granted_at) // NS_PER_MS

    def end(
        self,
        error: BaseException | None = None,
        *,
        first_token_ms: int | None = None,
        load_ms: int | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
    ) -> None:
        """Give it back: completed, failed with an error, or cancelled. Only the first call counts."""
        if self.ended:
            return
        self.ended = True
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            fact: Fact = RequestCancelled(request=self.request)
        else:
            fact = RequestFinished(
                request=self.request,
                outcome="failed" if error else "completed",
                held_ms=self.held_ms(),
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                first_token_ms=first_token_ms,
                load_ms=load_ms,
                error_code=getattr(error, "code", "SYSTEM_ERROR") if error else None,
                error=str(error) if error else None,
            )
        close_request(self._engine, self._desk, self._ticket, fact)


class Leases:
    """Hands out leases."""

    def __init__(self, engine: Engine, desk: Desk, directory: Directory) -> None:
        self._engine = engine
        self._desk = desk
        self._directory = directory

    async def acquire(self, model: str, wish: Wish, *, after: int | None = None) -> Lease:
        """Wait for the model; cancelling while waiting withdraws the request.

        `after` is the request in whose place it is asked.
        Raises what the decision says: `InvalidModelId`, `ResourceLimitExceeded`, `ModelLoadFailed`,
        `QueueFull`, `DeadlineExceeded` and others of `domain.errors`.
        """
        target = self._directory.find(model)
        await self._prepare(target)
        receipt = self._engine.submit(
            RequestArrived(
                model=target.id,
                purpose=wish.purpose,
                agent=wish.agent,
                priority=wish.priority,
                deadline_ms=None if wish.deadline_s is None else max(0, round(wish.deadline_s * 1000)),
                max_tokens=wish.max_tokens,
            ),
            origin=None if after is None else Origin(after, after),
        )
        ticket = self._desk.open(receipt.position, target.id)
        try:
            granted_at = await ticket.granted
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                close_request(self._engine, self._desk, ticket, RequestCancelled(request=ticket.request))
            self._desk.close(ticket)
            raise
        return Lease(self._engine, self._desk, ticket, granted_at)

    async def _prepare(self, target: Target) -> None:
        """Have the model described, and those that may answer instead.

        A provider that cannot be asked is no reason to give up as long as it is known what it would load, or
        another can answer: what becomes of the request is decided then, and written down.
        """
        state = self._engine.state
        others = chain(state.host.settings.fallbacks, target.id)
        known = state.models.get(target.id)
        if refusing(state, target.id) is None:
            try:
                await self._describe(target)
            except (ProviderBusy, ProviderTimeout, ProviderUnavailable):
                if not others and not (known and known.description):
                    raise
        for name in others:
            with suppress(BursarError):
                await self._describe_once(self._directory.find(name))

    async def _describe_once(self, target: Target) -> None:
        known = self._engine.state.models.get(target.id)
        if (known is None or known.description is None) and refusing(self._engine.state, target.id) is None:
            await self._describe(target)

    async def _describe(self, target: Target) -> None:
        """Ask the provider what it knows of a model that is not in memory, and record what is new."""
        known = self._engine.state.models.get(target.id)
        if known and known.description and known.state is not ModelState.ABSENT:
            return
        description = await target.describe()
        prefix = provider_of(target.id)
        provider = self._engine.state.providers.get(prefix)
        if provider is not None and not provider.reachable:
            # It has come back, and may be able to do more than was known of it: that decides what is done.
            await observe(self._engine, prefix, target.provider)
        if known is None or known.described != description:
            self._engine.submit(ModelDescribed(description=description))


def close_request(engine: Engine, desk: Desk, ticket: Ticket, fact: Fact) -> None:
    """Record the end of a request, unless a decision ended it already."""
    desk.close(ticket)
    if ticket.request in engine.state.requests:
        try:
            engine.submit(fact, origin=Origin(ticket.request, ticket.request))
        except BursarError:
            # The journal is closed: the next manager aborts what it finds open.
            return
