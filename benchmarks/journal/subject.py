"""One subject with events of nine fields: the work that we and the peer do alike."""

from random import Random
from typing import ClassVar, TypedDict

from bursar.domain.events import Fact


class Fields(TypedDict):
    """What an event says."""

    device: str
    total_bytes: int
    used_bytes: int
    cpu_per_mille: int
    cores: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    note: str


class Measured(Fact):
    """Ours: it is no event of the product's, but is made, encoded and stored as they are."""

    name: ClassVar[str] = "Measured"

    device: str
    total_bytes: int
    used_bytes: int
    cpu_per_mille: int
    cores: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    note: str

    def subject(self, position: int) -> str:
        return f"bench/{self.model}"


class Tally:
    """What a subject's events are folded into."""

    __slots__ = ("events", "note", "tokens", "used_bytes")

    def __init__(self) -> None:
        self.events = 0
        self.used_bytes = 0
        self.tokens = 0
        self.note = ""

    def add(self, used_bytes: int, tokens: int, note: str) -> None:
        """Fold an event."""
        self.events += 1
        self.used_bytes = used_bytes
        self.tokens += tokens
        self.note = note

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[int, int, int, str]:
        return self.events, self.used_bytes, self.tokens, self.note


def fields(count: int, subject: int = 0) -> list[Fields]:
    """What so many events of a subject say: the same in every run."""
    random = Random(subject)
    return [
        Fields(
            device="ram",
            total_bytes=16 << 30,
            used_bytes=random.randrange(16 << 30),
            cpu_per_mille=random.randrange(1000),
            cores=8,
            model=f"model-{subject}",
            prompt_tokens=random.randrange(4096),
            completion_tokens=random.randrange(4096),
            note="after a reading of the machine",
        )
        for _ in range(count)
    ]
