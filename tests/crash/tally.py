"""What many crash points came to."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from .workload import Recording


class Failure(NamedTuple):
    """A point at which something was not as it must be, and how to come back to it."""

    seed: str
    #: Operations of the disk before the crash; -1 for what went wrong without one.
    point: int
    damage: str
    violations: tuple[str, ...]
    last_ops: tuple[str, ...]

    def __str__(self) -> str:
        ops = "".join(f"\n    {op}" for op in self.last_ops)
        return (
            f"seed {self.seed}, point {self.point}, {self.damage or 'no crash'}: "
            f"{'; '.join(self.violations)}\n  the last operations of the disk:{ops}"
        )


@dataclass(slots=True)
class Tally:
    """Counts."""

    points: int = 0
    runs: int = 0
    events: int = 0
    #: Points at which an event was gone that somebody had been told of (never one that was promised), and how
    #: many events in all, and at most at one point.
    lossy: int = 0
    lost: int = 0
    lost_most: int = 0
    #: Virtual seconds between the commit of the oldest event lost and the crash.
    lost_s: float = 0.0
    failures: list[Failure] = field(default_factory=list[Failure])
    #: Points, or runs, in which something happened that must not be missing from the test.
    seen: Counter[str] = field(default_factory=Counter[str])

    def began(self, recording: Recording, seed: str) -> None:
        """Count a run."""
        self.runs += 1
        self.events += recording.lives[-1].head
        if recording.violations:
            self.failures.append(Failure(seed, -1, "", tuple(recording.violations), ()))
        self.seen["an append was refused"] += bool(recording.refused)
        self.seen["a history ended"] += len(recording.lives) > 1

    def add(self, other: "Tally") -> None:
        """Count what another one has counted."""
        self.points += other.points
        self.runs += other.runs
        self.events += other.events
        self.lossy += other.lossy
        self.lost += other.lost
        self.lost_most = max(self.lost_most, other.lost_most)
        self.lost_s = max(self.lost_s, other.lost_s)
        self.failures += other.failures
        self.seen += other.seen

    def figures(self) -> dict[str, object]:
        """As JSON has them."""
        return {
            "points": self.points,
            "runs": self.runs,
            "events": self.events,
            "points_losing_events": self.lossy,
            "events_lost": self.lost,
            "events_lost_most": self.lost_most,
            "oldest_lost_s": round(self.lost_s, 3),
            "failures": [failure._asdict() for failure in self.failures],
            "seen": dict(self.seen),
        }
