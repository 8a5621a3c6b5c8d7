"""When time alone moves a breaker, or lets more of the waiting pass."""

from collections.abc import Iterator

from ..providers.names import provider_of
from ..state import State
from .concurrency import capacity
from .gate import ramped
from .machine import BreakerState
from .ramp import next_step


def certain(state: State) -> Iterator[int]:
    """Moments at which a breaker moves (UTC nanoseconds)."""
    for breaker in state.breakers.values():
        if breaker.until:
            yield breaker.until


def possible(state: State) -> Iterator[int]:
    """Moments from which on a waiting request may pass."""
    waiting = {provider_of(request.model): True for request in state.waiting()} if state.breakers else {}
    for provider in waiting:
        breaker = state.breakers.get(provider)
        if breaker is None:
            continue
        if breaker.busy_until:
            yield breaker.busy_until
        if breaker.state is BreakerState.RECOVERING:
            ramp = state.host.settings.breaker.ramp
            most = capacity(state, provider)
            yield breaker.since + next_step(most, ramped(state, breaker), ramp)
