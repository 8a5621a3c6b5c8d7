"""Disks that fail: the nth call, once or for ever; full ones; syncs that fail and drop what was written."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .disk import Disk, DiskError


class Plan(NamedTuple):
    """What fails, and when. A disk heals when the journal on it is opened again."""

    #: read, write, sync or truncate.
    kind: str
    #: Which call of that kind is the first to fail, counting from 1.
    nth: int
    #: How many of them fail.
    times: int = 1
    full: bool = False
    #: What a failed sync was to write can no longer be read either.
    forgetful: bool = False

    def __str__(self) -> str:
        what = "disk full" if self.full else f"{self.kind} fails"
        long = {1: "once", FOR_EVER: "until opened again"}.get(self.times, f"{self.times} times")
        return f"{what}, {long}{', and reads give what was there before' if self.forgetful else ''}"


FOR_EVER = 1 << 30
PLANS: "tuple[Callable[[int], Plan], ...]" = (
    lambda n: Plan("read", n),
    lambda n: Plan("read", n, FOR_EVER),
    lambda n: Plan("write", n),
    lambda n: Plan("write", n, FOR_EVER),
    lambda n: Plan("write", n, full=True),
    lambda n: Plan("write", n, 5, full=True),
    lambda n: Plan("write", n, FOR_EVER, full=True),
    lambda n: Plan("truncate", n),
    lambda n: Plan("sync", n),
    lambda n: Plan("sync", n, FOR_EVER),
    lambda n: Plan("sync", n, forgetful=True),
)


@dataclass(slots=True)
class Failing:
    """A disk's `fault`."""

    plan: Plan
    calls: int = 0
    #: How often it has failed.
    struck: int = 0
    healed: bool = False

    def __call__(self, kind: str, name: str) -> None:
        if kind != self.plan.kind or self.healed or name.endswith(".owner"):
            return
        self.calls += 1
        if self.plan.nth <= self.calls < self.plan.nth + self.plan.times:
            self.struck += 1
            number = errno.ENOSPC if self.plan.full else errno.EIO
            raise DiskError(number, "the disk is full" if self.plan.full else f"{kind} failed", name)


def failing(disk: Disk, plan: Plan) -> Failing:
    """Make a disk fail as planned."""
    disk.fault = fault = Failing(plan)
    disk.forgetful = plan.forgetful
    return fault
