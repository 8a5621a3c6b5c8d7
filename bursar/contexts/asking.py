"""Taking steps about contexts: what was decided is an answer, or an error."""

import asyncio
from typing import TypeVar

from ..domain.contexts.events import CompressionAsked, ContextRefused, MessageRefused, OptimizationRefused
from ..domain.contexts.keeping import CacheAsked, ContextClosed, ContextForgotten, RestoreAsked
from ..domain.contexts.state import Context
from ..domain.errors import (
    BursarError,
    ContextLimitExceeded,
    ContextUnavailable,
    MemoryOptimizationFailed,
    NoSuchContext,
)
from ..domain.events import Body, Decision, Event, Fact
from ..domain.kernel import Origin
from ..domain.state import State
from ..engine.desk import error_from
from ..engine.engine import Engine, Receipt

#: What one context of several may refuse with, and the others may still do.
NOT_DONE = (MemoryOptimizationFailed, ContextUnavailable, ContextLimitExceeded)

B = TypeVar("B", bound=Body)

_REFUSALS = (ContextRefused, MessageRefused, OptimizationRefused)


def named(state: State, context: str) -> Context:
    """A context by its name. Raises NoSuchContext."""
    found = state.contexts.named.get(context)
    if found is None:
        raise NoSuchContext(context=context, remedy="open_context makes one")
    return found


def refusal(receipt: Receipt) -> BursarError | None:
    """Why a step was not what its caller wanted, if so."""
    for event in receipt.step.decisions:
        if isinstance(event.body, _REFUSALS):
            return error_from(event.body.code, event.body.values)
    return None


async def taken(engine: Engine, fact: Fact, *, origin: Origin | None = None) -> Receipt:
    """Take a step and wait until it is written; raises what was decided against it."""
    receipt = engine.submit(fact, origin=origin)
    await written(receipt)
    return receipt


async def written(receipt: Receipt) -> None:
    """Wait until a step is in the journal, whoever is cancelled meanwhile; raises what it refuses."""
    await asyncio.shield(receipt.committed)
    error = refusal(receipt)
    if error is not None:
        raise error


async def decided(engine: Engine, fact: Fact, kind: type[B]) -> B:
    """Take a step, and return the decision of one kind that follows at once. Raises what refuses it."""
    receipt = engine.submit(fact)
    await written(receipt)
    for event in receipt.step.decisions:
        if isinstance(event.body, kind):
            return event.body
    raise BursarError(detail=f"nothing followed from {fact.name} at {receipt.position}")


async def outcome(
    engine: Engine,
    asked: CacheAsked | CompressionAsked | RestoreAsked,
    begins: type[Decision],
    ends: tuple[type[Body], ...],
) -> Body:
    """Take a step, and wait for the end of what it begins.

    Raises what was decided against it, and when the context is closed or forgotten meanwhile.
    """
    receipt = engine.submit(asked)
    if not any(isinstance(event.body, begins) for event in receipt.step.decisions):
        await written(receipt)
        raise BursarError(detail=f"nothing followed from {asked.name} at {receipt.position}")

    def is_end(event: Event) -> bool:
        if isinstance(event.body, (ContextClosed, ContextForgotten)):
            return event.body.context == asked.context
        return event.correlation == receipt.position and isinstance(event.body, ends)

    end = (await engine.until(is_end)).body
    if isinstance(end, ContextForgotten):
        raise NoSuchContext(context=end.context, remedy="it was forgotten meanwhile")
    if isinstance(end, ContextClosed):
        raise ContextUnavailable(context=end.context, state="closed", remedy="it was closed meanwhile")
    return end
