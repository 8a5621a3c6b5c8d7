"""Calls that are made again: what failed before its first byte may be, within the budget, or elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from ..domain.errors import BursarError, CircuitOpen
from ..domain.kernel import Origin
from ..domain.resilience.events import RequestRedirected, RetryAsked, RetryGranted
from ..domain.resilience.gate import refusing
from ..domain.resilience.refusing import values
from ..domain.resilience.retries import worth_asking
from ..domain.state import State
from .engine import Engine
from .leases import Lease

T = TypeVar("T")


async def attempts(
    engine: Engine, lease: Lease, send: Callable[[str], AsyncGenerator[T, None]]
) -> AsyncGenerator[T, None]:
    """The chunks of the first attempt that has any; raises what the last attempt raised.

    `send` asks a provider for an answer of a model, given by our id. A breaker may have opened since the
    lease was granted: that is looked at before each attempt.
    """
    while True:
        begun = False
        try:
            require_passage(engine.state, lease.model, lease.request)
            async with aclosing(send(lease.model)) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
            return
        except BursarError as error:
            if begun or not await _again(engine, lease, error):
                raise


def require_passage(state: State, model: str, request: int | None = None) -> None:
    """Raise `CircuitOpen` when the model's provider is not to be asked; half open, by whom it is not."""
    breaker = refusing(state, model, request)
    if breaker is not None:
        raise CircuitOpen(**values(state, breaker))


async def _again(engine: Engine, lease: Lease, error: BursarError) -> bool:
    """Ask whether to try again, and wait until then: for the provider, or for another model."""
    if lease.revoked or not worth_asking(engine.state, lease.model, error.code):
        return False
    asked = RetryAsked(
        request=lease.request,
        code=error.code,
        cause_text=str(error.values.get("cause", error)),
        retry_after_ms=retry_after_ms(error),
    )
    try:
        receipt = engine.submit(asked, origin=Origin(lease.request, lease.request))
    except BursarError:
        # The journal is closed: the caller hears of the failure itself.
        return False
    await receipt.committed
    for event in receipt.step.decisions:
        match event.body:
            case RetryGranted(wait_ms=wait_ms):
                await asyncio.sleep(wait_ms / 1000)
                return True
            case RequestRedirected(request=lease.request):
                await lease.granted_again()
                return True
            case _:
                pass
    return False


def retry_after_ms(error: Exception) -> int | None:
    """How long a provider asked to be left alone, when it did."""
    found = error.values.get("retry_after_ms") if isinstance(error, BursarError) else None
    return found if isinstance(found, int) else None
