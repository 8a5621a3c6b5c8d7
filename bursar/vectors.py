"""Vectors of texts, from a leased model."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from .domain.errors import BursarError
from .engine.leases import Lease
from .providers import renamed

#: One for each text.
Vectors = tuple[tuple[float, ...], ...]


async def vectors_of(lease: Lease, answers: AsyncGenerator[Vectors, None]) -> Vectors:
    """The one answer there is, unless the lease is taken back while it is awaited; ends the lease."""
    try:
        vectors = await _unless_revoked(lease, answers)
    except BaseException as error:
        lease.end(error)
        raise
    lease.end()
    return vectors


async def _unless_revoked(lease: Lease, answers: AsyncGenerator[Vectors, None]) -> Vectors:
    if lease.revoked:
        raise lease.revoked
    try:
        async with asyncio.timeout(None) as scope, aclosing(answers):
            lease.on_revoked(lambda: scope.reschedule(asyncio.get_running_loop().time()))
            return await anext(answers)
    except (TimeoutError, BursarError) as error:
        # A lease that was taken back explains a broken call better than the call does.
        if lease.revoked:
            raise lease.revoked from error
        if isinstance(error, BursarError):
            raise renamed(error, lease.model) from error
        raise
