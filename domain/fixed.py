"""Exponential decay in integers, so that two machines agree to the last bit."""

from functools import cache

#: A rate or weight of one, in the fixed-point form used throughout: 32 fractional bits.
ONE = 1 << 32

_TABLE_BITS = 62
_WORK_BITS = 192
#: 2**40 ms is 34 years; anything older has decayed to nothing.
_TABLE_LENGTH = 40
_SHORT_BITS = 12
_SHORT_MS = (1 << _SHORT_BITS) - 1


def decay(value: int, elapsed_ms: int, tau_ms: int) -> int:
    """`value * exp(-elapsed / tau)`, rounded down; a negative elapsed time counts as none.

    The elapsed time is split into powers of two, and the table entries for each of them are multiplied, the
    lowest first, each product rounded down.
    """
    if elapsed_ms <= 0 or not value:
        return value
    if elapsed_ms >> _TABLE_LENGTH:
        return 0
    left = _left_after_short(elapsed_ms & _SHORT_MS, tau_ms)
    longer = elapsed_ms >> _SHORT_BITS
    if longer:
        for entry in _table(tau_ms)[_SHORT_BITS : _SHORT_BITS + longer.bit_length()]:
            if longer & 1:
                left = left * entry >> _TABLE_BITS
            longer >>= 1
    # The value comes last: rounded once, what has decayed for longer is never more.
    return value * left >> _TABLE_BITS


@cache
def _left_after_short(elapsed_ms: int, tau_ms: int) -> int:
    """What is left of one, with 62 fractional bits. Kept for all times up to four seconds.

    Those are the lowest bits of every time, so most of the multiplications are done once.
    """
    left = 1 << _TABLE_BITS
    for power in range(elapsed_ms.bit_length()):
        if elapsed_ms >> power & 1:
            left = left * _table(tau_ms)[power] >> _TABLE_BITS
    return left


@cache
def _table(tau_ms: int) -> tuple[int, ...]:
    """`exp(-2**k / tau)` for k = 0, 1, …, with 62 fractional bits."""
    entry = _exp_of_minus_one_over(tau_ms)
    entries: list[int] = []
    for _ in range(_TABLE_LENGTH):
        entries.append(entry >> _WORK_BITS - _TABLE_BITS)
        entry = entry * entry >> _WORK_BITS
    return tuple(entries)


def _exp_of_minus_one_over(tau: int) -> int:
    """`exp(-1 / tau)` by its Taylor series, with as many fractional bits as the work needs."""
    total = magnitude = 1 << _WORK_BITS
    n = 1
    while magnitude:
        magnitude //= tau * n
        total += magnitude if n % 2 == 0 else -magnitude
        n += 1
    return total
