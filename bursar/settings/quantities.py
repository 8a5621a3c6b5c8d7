"""How numbers, sizes, times, shares and switches are written: callables that read a value or refuse it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

T = TypeVar("T")

#: The most that every reader of JSON takes for an exact integer.
MOST = 2**53
#: A hundred years; longer is a mistake.
MOST_MS = 36_525 * 86_400_000

#: As many digits as the largest float has: what is more is too much, and what is text is not a number.
_NUMBER = r"[0-9]{1,309}(?:\.[0-9]{1,330})?"
_WHOLE = re.compile(r"-?[0-9]{1,309}")
_SHARE = re.compile(rf"(-?{_NUMBER})\s*(%?)")
_SIZE = re.compile(rf"(-?{_NUMBER})\s*([A-Za-z]*)")
_SIZE_UNITS: dict[str, int] = {
    "": 1,
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgtp", 1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgtp", 1)},
}
_TIME_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
#: Each unit once, the longest first; `250ms` is not 250 minutes, because the `s` would be left over.
_TIME = re.compile("(-?)" + "".join(rf"(?:({_NUMBER})\s*{unit}\s*)?" for unit in _TIME_UNITS))


class Refused(ValueError):
    """A value that cannot be: what is wrong with it, and what could be written instead."""

    def __init__(self, problem: str, allowed: str) -> None:
        super().__init__(f"{problem}; allowed: {allowed}")
        self.problem, self.allowed = problem, allowed


def or_none(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """The same, or None, which TOML and the environment write `"none"`."""

    def read_or_none(value: object) -> T | None:
        if value is None or value == "none":
            return None
        try:
            return read(value)
        except Refused as refused:
            raise Refused(refused.problem, f'{refused.allowed}, or "none"') from None

    return read_or_none


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds; as text, too, which is all that the environment has."""

    least: int = 0
    most: int = MOST

    def __call__(self, value: object) -> int:
        """The number."""
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused("is not a whole number", self._allowed)
        if value < self.least:
            raise Refused(f"is less than {self.least}", self._allowed)
        if value > self.most:
            raise Refused(f"is more than {self.most}", self._allowed)
        return value

    @property
    def _allowed(self) -> str:
        most = "" if self.most == MOST else f" to {self.most}"
        return "any whole number" if self.least == -MOST else f"a whole number from {self.least}{most}"


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, at least one: `"14 GB"` is decimal, `"14 GiB"` binary, a plain number is bytes already."""

    def __call__(self, value: object) -> int:
        """The bytes."""
        allowed = 'a size such as "14 GB", "14 GiB" or "512MB", or a number of bytes'
        size = _of_text(value, allowed) if isinstance(value, str) else _plain(value, "a size", allowed)
        return _bounded(size, 1, MOST, "a byte", allowed)


def _of_text(text: str, allowed: str) -> Decimal:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise Refused("is not a size", allowed)
    unit = found[2].lower()
    if unit not in _SIZE_UNITS:
        raise Refused(f"has an unknown unit, {found[2]}", allowed)
    return Decimal(found[1]) * _SIZE_UNITS[unit]


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds, to the millisecond: `"5m"`, `"1h30m"`, `"250ms"`; a plain number is seconds already."""

    least_ms: int = 0

    def __call__(self, value: object) -> float:
        """The seconds."""
        allowed = 'a time such as "5m", "90s", "1h30m" or "250ms", or a number of seconds'
        if isinstance(value, str) and not _is_number(value):
            time_ms = _milliseconds(value, allowed)
        else:
            time_ms = 1000 * _plain(value, "a time", allowed)
        return _bounded(time_ms, self.least_ms, MOST_MS, "a millisecond", allowed) / 1000


def _milliseconds(text: str, allowed: str) -> Decimal:
    found = _TIME.fullmatch(text.strip())
    if found is None or not any(found.groups()[1:]):
        raise Refused("is not a time", allowed)
    sign, *counts = found.groups()
    total = sum(
        (Decimal(count) * unit for count, unit in zip(counts, _TIME_UNITS.values(), strict=True) if count),
        Decimal(),
    )
    return -total if sign else total


def share(value: object) -> float:
    """A part of a whole, to the per-mille, above 0 and at most 1: `0.8`, `"80%"`."""
    allowed = 'a share above 0 and at most 1, such as 0.8 or "80%"'
    if isinstance(value, str):
        found = _SHARE.fullmatch(value.strip())
        if found is None:
            raise Refused("is not a share", allowed)
        part = Decimal(found[1]) / (100 if found[2] else 1)
    else:
        part = _plain(value, "a share", allowed)
    return _bounded(1000 * part, 1, 1000, "a per-mille", allowed) / 1000


def switch(value: object) -> bool:
    """True or false; the environment writes them as text."""
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise Refused("is neither true nor false", "true or false")
    return value


def _plain(value: object, what: str, allowed: str) -> Decimal:
    """A number, or text that reads as one."""
    if isinstance(value, str) and _is_number(value):
        return Decimal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"is not {what}", allowed)
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused("is not a finite number", allowed)
    # Bounded before it is converted: an integer may have any number of digits.
    return Decimal(max(-MOST - 1, min(value, MOST + 1)))


def _is_number(text: str) -> bool:
    return re.fullmatch(rf"-?{_NUMBER}", text.strip()) is not None


def _bounded(value: Decimal, least: int, most: int, one: str, allowed: str) -> int:
    """Rounded to a whole number of units; what is not nothing must not become nothing."""
    if value < 0:
        raise Refused("is negative", allowed)
    if value > most:
        raise Refused("is too much", allowed)
    whole = round(value)
    if whole < least or (value > 0 and whole == 0):
        raise Refused(f"is less than {one}", allowed)
    return whole
