"""What the journal of a demo says happened."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..domain.models.events import EvictionPlanned
from ..eventstore.reader import Reader
from ..projections.history import to_event
from ..projections.models import ModelRow, model_table
from ..projections.replay import Replay, replay
from ..projections.verify import Verification, verify
from ..projections.why import Explanation, why
from .run import Outcome


@dataclass(frozen=True, slots=True)
class Story:
    """The journal, read back after the manager has closed it."""

    journal: Path
    outcome: Outcome
    seconds: float
    rows: list[ModelRow]
    #: One eviction explained; None when nothing had to leave.
    eviction: Explanation | None
    replay: Replay
    verification: Verification

    @property
    def divergences(self) -> int:
        """Decisions that today's rules would take otherwise."""
        found = self.verification.decisions
        return len(found.divergences) + found.unlisted if found else -1

    @property
    def ok(self) -> bool:
        """Whether everybody was served and the journal proves it."""
        return self.outcome.failed == 0 and self.replay.equal and self.verification.ok

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        totals = self.replay.state.totals
        return {
            "requests": self.outcome.requests,
            "completed": self.outcome.completed,
            "failed": self.outcome.failed,
            "loads": totals.loads,
            "evictions": totals.evictions,
            "load_seconds": totals.load_ms / 1000,
            "replay_equal": self.replay.equal,
            "verify": {
                "divergences": self.divergences,
                "tree": "ok" if self.verification.tree.ok else "damaged",
            },
            "journal": str(self.journal),
        }


def read_back(journal: Path, outcome: Outcome, seconds: float, progress: Callable[[str], None]) -> Story:
    """Read the journal as anybody could who was handed the file."""
    with closing(Reader(journal)) as reader:
        progress("replaying")
        replayed = replay(reader)
        progress("verifying")
        verification = verify(journal)
        rows = model_table(reader, replayed.state)
        return Story(journal, outcome, seconds, rows, _eviction(reader), replayed, verification)


def _eviction(reader: Reader) -> Explanation | None:
    """The eviction that is most worth telling: the latest with the most candidates to choose from."""
    best: tuple[int, int] | None = None
    for record in reader.read(types=("EvictionPlanned",)):
        body = to_event(record).body
        if isinstance(body, EvictionPlanned) and body.victims:
            best = max(best or (0, 0), (len(body.reason.candidates), record.position))
    return why(reader, best[1]) if best else None
