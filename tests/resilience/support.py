"""A provider `p` with one model `p:a`, and what can become of calls to it."""

from collections.abc import Callable
from typing import Any

from bursar.domain.requests.events import RequestFinished
from bursar.domain.resilience.events import BreakerSet, RetryAsked, Wished
from bursar.domain.resilience.settings import BreakerSettings, Ramp
from bursar.domain.resilience.state import Breaker
from bursar.domain.settings import Limits, Settings
from bursar.domain.state import State
from bursar.testing.facts import arrived, resident, running
from bursar.testing.specification import Given, Happening, LateFact, given

MODEL = "p:a"
OTHER = "q:b"
WAIT_MS = 60_000
RAMP_MS = 10_000

#: Four calls are enough to tell, and two are let through half open.
BREAKER = BreakerSettings(
    minimum_number_of_calls=4,
    sliding_window_size=10,
    wait_duration_in_open_state_ms=WAIT_MS,
    permitted_calls_in_half_open=2,
    ramp=Ramp(window_ms=RAMP_MS, min_per_mille=1),
)


def settings(breaker: BreakerSettings = BREAKER, **others: Any) -> Settings:
    """Settings in which no model is idle for too long, and no recovery procedure is begun."""
    chosen: dict[str, Any] = {"recovery": (), **others}
    return Settings(limits=Limits(idle_price_ms_per_gib_hour=0), breaker=breaker, **chosen)


def breaking(**changes: Any) -> Settings:
    """The same with these changes of the breaker."""
    return settings(BREAKER.model_copy(update=changes))


def serving(chosen: Settings | None = None, *, slots: int = 4) -> Given:
    """A manager that serves, with a model in memory."""
    return given(running(chosen or settings()), resident(MODEL, slots=slots))


def failed(model: str = MODEL, code: str = "PROVIDER_UNAVAILABLE") -> LateFact:
    """Who has held a model for longest is told of a failure."""
    return lambda state: RequestFinished(
        request=state.models[model].leases[0],
        outcome="failed",
        held_ms=100,
        error_code=code,
        error="out of luck",
    )


def answered(
    model: str = MODEL, *, held_ms: int = 1000, first_token_ms: int = 100, load_ms: int = 0, tokens: int = 10
) -> LateFact:
    """Who has held a model for longest got an answer."""
    return lambda state: RequestFinished(
        request=state.models[model].leases[0],
        outcome="completed",
        held_ms=held_ms,
        first_token_ms=first_token_ms,
        load_ms=load_ms,
        completion_tokens=tokens,
    )


def call(outcome: LateFact, times: int = 1, model: str = MODEL) -> Happening:
    """A chat, so many times, with this outcome."""
    return tuple((arrived(model), outcome) for _ in range(times))


def asked(model: str = MODEL, code: str = "PROVIDER_UNAVAILABLE", wait_ms: int | None = None) -> LateFact:
    """The call of who has held a model for longest failed before its first byte."""
    return lambda state: RetryAsked(
        request=state.models[model].leases[0], code=code, cause_text="out of luck", retry_after_ms=wait_ms
    )


def by_hand(state: Wished, provider: str = "p") -> BreakerSet:
    """An operator sets a breaker."""
    return BreakerSet(provider=provider, state=state)


def opened(chosen: Settings | None = None, *, slots: int = 4) -> Given:
    """A breaker that has just opened."""
    return serving(chosen, slots=slots).and_then(call(failed(), 4))


def breaker(state: State, provider: str = "p") -> Breaker:
    """A provider's breaker."""
    return state.breakers[provider]


def holder(model: str = MODEL) -> Callable[[State], int]:
    """Who has held a model for longest."""
    return lambda state: state.models[model].leases[0]
