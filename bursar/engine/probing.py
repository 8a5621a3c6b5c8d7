"""Asks providers how they are; what is new is recorded."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Final

from ..domain.errors import ProviderTimeout
from ..domain.ports import Provider
from ..domain.providers.events import ProviderObserved
from ..domain.providers.state import Provider as Known
from ..domain.providers.values import Probe
from .engine import Engine

#: A provider that has not answered by then is busy.
ANSWER_S: Final = 10.0


async def observe(engine: Engine, prefix: str, provider: Provider) -> Probe:
    """Ask one, and record what it says when that is not what was recorded last."""
    try:
        async with asyncio.timeout(ANSWER_S):
            probe = await provider.probe()
    except TimeoutError:
        late = ProviderTimeout(provider=prefix, cause=f"no answer within {ANSWER_S:g} s")
        probe = Probe(reachable=False, code=late.code, cause=str(late))
    record(engine, prefix, provider, probe)
    return probe


def record(engine: Engine, prefix: str, provider: Provider, probe: Probe) -> None:
    """Of one that does not answer as it should nothing new is known but that: it can do what it could."""
    known = engine.state.providers.get(prefix)
    can, version, most = probe.capabilities, probe.version, probe.max_loaded
    if probe.code:
        can = known.capabilities if known else provider.capabilities
        version = version or (known.version if known else "")
        most = known.max_loaded if known else None
    # Whichever way it does not answer, it does not.
    code = probe.code if probe.reachable else ""
    if known and _as_seen(known) == (probe.reachable, version, can, most, code):
        return
    engine.submit(
        ProviderObserved(
            provider=prefix,
            reachable=probe.reachable,
            engine=version,
            capabilities=can,
            lacks=dict(sorted(probe.lacks.items())),
            code=probe.code,
            cause_text=probe.cause,
            max_loaded=most,
        )
    )


def _as_seen(known: Known) -> tuple[object, ...]:
    code = known.code if known.reachable else ""
    return known.reachable, known.version, known.capabilities, known.max_loaded, code


async def side_by_side(work: Iterable[Awaitable[object]]) -> None:
    """Do all of it at once, and wait for the last."""
    await asyncio.gather(*work)
