"""How fast a model usually is, and which calls were slow: loads apart from generation, generation normalised.

A long answer is not a slow one: the time to the first token and the time of each further token are judged,
each by three times (`slow_call_factor`) the 95th percentile of the model's own last calls. What was slow is
not taken into the sample, or it would soon be what is usual.
"""

from dataclasses import dataclass

from ..copying import replace
from .settings import BreakerSettings

#: So many calls are remembered, and nothing is slow before there are so many.
SAMPLE = 50
ENOUGH = 20


@dataclass(frozen=True)
class Pace:
    """The last calls of one model that were not slow, the newest last."""

    load_ms: tuple[int, ...] = ()
    first_token_ms: tuple[int, ...] = ()
    #: Microseconds of each token after the first.
    token_us: tuple[int, ...] = ()


def answered(
    pace: Pace,
    settings: BreakerSettings,
    held_ms: int,
    first_token_ms: int | None,
    load_ms: int,
    completion_tokens: int | None,
) -> tuple[Pace, bool]:
    """The pace after one more answer, and whether that was slow; `load_ms` is part of `first_token_ms`."""
    limit_ms = settings.slow_call_duration_threshold_ms
    if limit_ms is not None:
        return pace, held_ms - load_ms > limit_ms
    if first_token_ms is None:
        return pace, False
    start_ms = max(0, first_token_ms - load_ms)
    tokens = (completion_tokens or 0) - 1
    token_us = max(0, held_ms - first_token_ms) * 1000 // tokens if tokens > 0 else None
    if _is_slow(pace.first_token_ms, start_ms, settings):
        return pace, True
    if token_us is not None and _is_slow(pace.token_us, token_us, settings):
        return pace, True
    firsts = _taken(pace.first_token_ms, start_ms)
    tokens_us = pace.token_us if token_us is None else _taken(pace.token_us, token_us)
    return replace(pace, first_token_ms=firsts, token_us=tokens_us), False


def loaded(pace: Pace, settings: BreakerSettings, load_ms: int) -> tuple[Pace, bool]:
    """The pace after one more load, and whether that was slow; a fixed threshold is not for loads."""
    if settings.slow_call_duration_threshold_ms is not None:
        return pace, False
    if _is_slow(pace.load_ms, load_ms, settings):
        return pace, True
    return replace(pace, load_ms=_taken(pace.load_ms, load_ms)), False


def percentile_95(sample: tuple[int, ...]) -> int:
    """The smallest of the sample that 95 % of it do not exceed."""
    return sorted(sample)[-(-len(sample) * 95 // 100) - 1]


def _is_slow(sample: tuple[int, ...], value: int, settings: BreakerSettings) -> bool:
    if len(sample) < ENOUGH:
        return False
    # One millisecond at least: what usually takes no time that can be measured is not slow for taking some.
    return value * 1000 > max(1, percentile_95(sample)) * settings.slow_call_factor_per_mille


def _taken(sample: tuple[int, ...], value: int) -> tuple[int, ...]:
    return (*sample[1 - SAMPLE :], value)
