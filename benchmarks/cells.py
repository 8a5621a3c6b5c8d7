"""What a policy is measured on: a stream of requests and a budget that not all of its models fit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .streams import GB, Request, Stream

Kind = Literal["slots", "memory", "slow disks"]

SLOTS = (2, 3, 4, 6)
MEMORY_GB = (24, 48)


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table. Each request needs its model in memory; a load takes its size and its time."""

    stream: str
    budget_name: str
    kind: Kind
    requests: tuple[Request, ...]
    names: tuple[str, ...]
    #: By model: one for a slot, or bytes.
    sizes: tuple[int, ...]
    #: By model; a second each where only the number of loads counts.
    load_ms: tuple[int, ...]
    budget: int

    def changes(self) -> list[int]:
        """The models asked for, a run of requests for the same one counted once: none loads within a run."""
        asked = [request.model for request in self.requests]
        return [model for index, model in enumerate(asked) if index == 0 or asked[index - 1] != model]


def cells(stream: Stream) -> Iterator[Cell]:
    """Equal slots, where every load counts the same; memory; memory with every third model on a slow disk."""
    names = tuple(model.name for model in stream.models)
    ones = (1,) * len(names)
    seconds = (1000,) * len(names)
    for count in SLOTS:
        yield Cell(stream.name, f"{count} slots", "slots", stream.requests, names, ones, seconds, count)
    sizes = tuple(model.bytes for model in stream.models)
    fast = tuple(model.load_ms for model in stream.models)
    slow = tuple(model.load_ms_slow for model in stream.models)
    for gigabytes in MEMORY_GB:
        yield Cell(
            stream.name, f"{gigabytes} GB", "memory", stream.requests, names, sizes, fast, gigabytes * GB
        )
    for gigabytes in MEMORY_GB:
        name = f"{gigabytes} GB, slow disks"
        yield Cell(stream.name, name, "slow disks", stream.requests, names, sizes, slow, gigabytes * GB)
