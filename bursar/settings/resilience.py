"""What keeps calm when a provider misbehaves, by resilience4j's and Envoy's names."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import PlainValidator

from ..domain import errors
from ..domain.errors import BursarError
from ..domain.resilience import settings as domain
from .kinds import Count, PositiveCount, PositiveSeconds, Seconds, Section, Share
from .quantities import Refused, Time, Whole, or_none

_PERCENTILE = re.compile(r"p95\s*\*\s*([0-9]{1,3}(?:\.[0-9]{1,3})?)")


def factor(value: object) -> float:
    """By how much something grows, to the thousandth: 1 to 100."""
    allowed = "a number from 1 to 100, such as 1.5"
    try:
        number = float(cast(str, value))
    except (TypeError, ValueError):
        raise Refused("is not a number", allowed) from None
    if isinstance(value, bool) or not 1 <= number <= 100:
        raise Refused("is not between 1 and 100", allowed)
    return round(number, 3)


def slowness(value: object) -> float | str:
    """Seconds, or `"p95*3"`: so many times the model's own 95th percentile."""
    if isinstance(value, str) and (found := _PERCENTILE.fullmatch(value.strip())):
        return f"p95*{factor(found[1]):g}"
    try:
        return Time(least_ms=1)(value)
    except Refused as refused:
        raise Refused(refused.problem, f'"p95*3", or {refused.allowed}') from None


def codes(value: object) -> tuple[str, ...]:
    """Codes of errors, each once."""
    allowed = 'a list of error codes, such as ["PROVIDER_TIMEOUT", "MODEL_LOST"]'
    if not isinstance(value, list | tuple):
        raise Refused("is not a list", allowed)
    known = {kind.code for kind in vars(errors).values() if _is_an_error(kind)}
    for code in cast("Sequence[object]", value):
        if code not in known:
            raise Refused(f"holds {code!r}, which is no code", f"{allowed}; docs/errors.md has them all")
    return tuple(dict.fromkeys(cast("Sequence[str]", value)))


def _is_an_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BursarError)


Calls = Annotated[int, PlainValidator(Whole(1, 1000))]
Percent = Annotated[int, PlainValidator(Whole(1, 100))]
Factor = Annotated[float, PlainValidator(factor)]
Codes = Annotated[tuple[str, ...], PlainValidator(codes)]


class Ramp(Section):
    """How concurrency grows back after the probes have succeeded."""

    #: How long it takes; 0 for at once.
    window: Seconds = 30.0
    #: 1 is linear, more is faster at first.
    aggression: Annotated[int, PlainValidator(Whole(1, 10))] = 1
    #: What passes in any case.
    min_percent: Percent = 10


class Breaker(Section):
    """When a provider is not asked for a while, because too many calls failed or were slow."""

    #: `shadow` only writes down when it would have opened.
    mode: Literal["enforce", "shadow", "off"] = "enforce"
    failure_rate_threshold: Share = 0.5
    slow_call_rate_threshold: Share = 1.0
    #: A time, or so many times the 95th percentile of the model's own last calls.
    slow_call_duration_threshold: Annotated[float | str, PlainValidator(slowness)] = "p95*3"
    #: Whether the window is the last calls, or the last seconds.
    sliding_window_type: Literal["count", "time"] = "count"
    #: Calls, or seconds.
    sliding_window_size: Calls = 100
    minimum_number_of_calls: Calls = 10
    wait_duration_in_open_state: PositiveSeconds = 60.0
    #: Every opening in a row waits longer by this, up to the maximum.
    wait_duration_multiplier: Factor = 2.0
    wait_duration_max: PositiveSeconds = 600.0
    permitted_calls_in_half_open: Calls = 3
    #: It opens again when the probes are not done by then; 0 waits for them as long as it takes.
    max_wait_in_half_open: Seconds = 0.0
    #: Codes of errors that are failures; any other that is not ignored is an answer.
    record: Codes = domain.RECORDED
    #: Codes of errors that say nothing about the provider.
    ignore: Codes = domain.IGNORED
    ramp: Ramp = Ramp()


class Retry(Section):
    """Calls that failed before the first byte are made again, within a budget."""

    #: The first one included; 1 for none but that.
    max_attempts: PositiveCount = 3
    wait: Seconds = 0.5
    wait_multiplier: Factor = 1.5
    #: By which share a wait may be shorter or longer.
    randomization_percent: Annotated[int, PlainValidator(Whole(0, 100))] = 50
    #: Whoever would have to wait longer is not served.
    wait_max: Seconds = 30.0
    #: Share of the open requests that may be retried at once, and how many may in any case.
    budget_percent: Percent = 20
    budget_min: Count = 3
    codes: Codes = domain.RETRIED


class Concurrency(Section):
    """How many requests a provider serves at once."""

    #: `aimd`: as many as its slots, until it shows that this is too much; `off`: as many as its slots.
    mode: Literal["aimd", "off"] = "aimd"
    #: What is left of the limit after a sign of too much.
    backoff_ratio: Share = 0.9


class Procedure(Section):
    """When one of the recovery procedures is begun."""

    #: Failures in a row; None for never.
    threshold: Annotated[int | None, PlainValidator(or_none(Whole(1)))] = None
    #: Before it is begun again.
    cooldown: PositiveSeconds = 60.0


class Recovery(Section):
    """What is done for a provider that keeps failing."""

    #: Compare what it holds with the books.
    cleanup: Procedure = Procedure(threshold=5)
    #: Unload all its models, to be loaded afresh.
    restart: Procedure = Procedure()
    #: Half as many requests at once, and nothing in memory that nobody uses.
    scale_down: Procedure = Procedure()


def breaker(section: Breaker) -> domain.BreakerSettings:
    """What the rules are told."""
    slow = section.slow_call_duration_threshold
    times = float(slow.removeprefix("p95*")) if isinstance(slow, str) else 3.0
    return domain.BreakerSettings(
        mode=section.mode,
        failure_rate_threshold_per_mille=_thousandths(section.failure_rate_threshold),
        slow_call_rate_threshold_per_mille=_thousandths(section.slow_call_rate_threshold),
        slow_call_duration_threshold_ms=None if isinstance(slow, str) else _thousandths(slow),
        slow_call_factor_per_mille=_thousandths(times),
        sliding_window_type=section.sliding_window_type,
        sliding_window_size=section.sliding_window_size,
        minimum_number_of_calls=section.minimum_number_of_calls,
        wait_duration_in_open_state_ms=_thousandths(section.wait_duration_in_open_state),
        wait_duration_multiplier_per_mille=_thousandths(section.wait_duration_multiplier),
        wait_duration_max_ms=_thousandths(section.wait_duration_max),
        permitted_calls_in_half_open=section.permitted_calls_in_half_open,
        max_wait_in_half_open_ms=_thousandths(section.max_wait_in_half_open),
        record=section.record,
        ignore=section.ignore,
        ramp=domain.Ramp(
            window_ms=_thousandths(section.ramp.window),
            aggression=section.ramp.aggression,
            min_per_mille=section.ramp.min_percent * 10,
        ),
    )


def retry(section: Retry) -> domain.RetrySettings:
    """What the rules are told."""
    return domain.RetrySettings(
        max_attempts=section.max_attempts,
        wait_ms=_thousandths(section.wait),
        wait_multiplier_per_mille=_thousandths(section.wait_multiplier),
        randomization_per_mille=section.randomization_percent * 10,
        wait_max_ms=_thousandths(section.wait_max),
        budget_per_mille=section.budget_percent * 10,
        budget_min=section.budget_min,
        codes=section.codes,
    )


def concurrency(section: Concurrency) -> domain.ConcurrencySettings:
    """What the rules are told."""
    return domain.ConcurrencySettings(
        mode=section.mode, backoff_ratio_per_mille=_thousandths(section.backoff_ratio)
    )


def recovery(section: Recovery) -> tuple[domain.Procedure, ...]:
    """What the rules are told: the procedures that are ever begun, the mildest first."""
    procedures: tuple[tuple[domain.Action, Procedure], ...] = (
        ("cleanup", section.cleanup),
        ("scale-down", section.scale_down),
        ("restart", section.restart),
    )
    return tuple(
        domain.Procedure(action=action, threshold=wanted.threshold, cooldown_ms=_thousandths(wanted.cooldown))
        for action, wanted in procedures
        if wanted.threshold is not None
    )


def _thousandths(value: float) -> int:
    """Exact: every value was rounded to thousandths when it was read."""
    return round(value * 1000)
