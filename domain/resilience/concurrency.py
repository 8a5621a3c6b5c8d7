"""How many requests a provider serves at once: additive increase, multiplicative decrease.

Netflix's AIMD limit (`AIMDLimit.java`): what was too much for the provider (a time-out, a refusal, a slow
answer) cuts the limit to nine tenths; an answer raises it, if at least half of it was in use. Differently
from there, never below one, and a limit rises by one for as many answers as it has places, not for each: at
a few slots every cut would be undone at once. Where it reaches the slots, they are the limit again.
"""

from ..models.machine import ModelState
from ..providers.names import provider_of
from ..state import State
from .state import Breaker

_SERVING = (ModelState.READY, ModelState.DRAINING)


def capacity(state: State, provider: str) -> int:
    """Slots of the provider's models in memory, at least one."""
    slots = sum(
        model.slots
        for model in state.models.values()
        if model.state in _SERVING and provider_of(model.name) == provider
    )
    return max(1, slots)


def in_flight(state: State, provider: str) -> int:
    """Leases on the provider's models."""
    return sum(
        len(model.leases)
        for model in state.models.values()
        if model.leases and provider_of(model.name) == provider
    )


def cut(state: State, breaker: Breaker) -> int:
    """The estimate after a sign of too much, in per-mille; 0 when concurrency is left alone."""
    settings = state.host.settings.concurrency
    if settings.mode == "off":
        return 0
    before = breaker.estimate or capacity(state, breaker.provider) * 1000
    return max(1000, before * settings.backoff_ratio_per_mille // 1000)


def raised(state: State, breaker: Breaker) -> int:
    """The estimate after an answer as it should be, which is still counted as in flight."""
    before = breaker.estimate
    if not before or in_flight(state, breaker.provider) * 2000 < before:
        return before
    after = before + 1_000_000 // before
    return 0 if after >= capacity(state, breaker.provider) * 1000 else after


def announced(breaker: Breaker) -> int | None:
    """What the limit should be said to be: as it is, unless it has moved by a place and by a tenth."""
    if not breaker.estimate:
        return None
    wanted = breaker.estimate // 1000
    if breaker.limit is not None and abs(wanted - breaker.limit) < max(1, breaker.limit // 10):
        return breaker.limit
    return wanted
