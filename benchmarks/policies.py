"""Online policies, replayed over a cell: what each would have spent on loading.

Requests are served one after another and everything else in memory is idle, so that only the choice of
victims differs.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from statistics import fmean
from typing import Protocol

from bursar.domain.models.demand import Demand, loss_us_per_hour, requested
from bursar.domain.models.eviction import choose
from bursar.domain.reasons import Candidate

from .cells import Cell

#: Milliseconds of loading that a policy spends on a cell.
Policy = Callable[[Cell], int]

#: Orders of blob digests over which Ollama's cost is averaged: which one a user gets is luck.
_DIGEST_ORDERS = 5


def lru(cell: Cell) -> int:
    """Milliseconds of loading when the least recently used goes first, one after another until it fits."""
    return _replay(cell, _LeastRecent(cell))


def lfu(cell: Cell) -> int:
    """The same when the least often used since the beginning goes first; among equals, the least recently."""
    return _replay(cell, _LeastFrequent(cell))


def ollama(cell: Cell) -> int:
    """The same in Ollama's order, averaged over several orders of the digests.

    `findRunnerToUnload` (server/sched.go) sorts by keep-alive, which is the same for all unless somebody sets
    it, then by the path of the model, which is the digest of its blob; the first that is idle goes.
    """
    return round(fmean(_replay(cell, _ByDigest(cell, salt)) for salt in range(_DIGEST_ORDERS)))


def bursar(cell: Cell) -> int:
    """The same by the product's own code: `eviction.choose` with the policy `hybrid`, scored by `demand`."""
    return _replay(cell, _Hybrid(cell))


class _Rule(Protocol):
    """Sees every request; says who leaves."""

    def request(self, model: int, at_ms: int) -> None: ...

    def victims(self, resident: Sequence[int], excess: int, at_ms: int) -> Iterable[int]:
        """Who goes so that `excess` is freed; `resident` in the order of their last use."""
        ...


def _replay(cell: Cell, rule: _Rule) -> int:
    """Serve every request and return the milliseconds spent on loading."""
    resident: dict[int, None] = {}
    used = total_ms = 0
    for at_ms, model in cell.requests:
        rule.request(model, at_ms)
        if model in resident:
            del resident[model]
        else:
            excess = used + cell.sizes[model] - cell.budget
            if excess > 0:
                for victim in rule.victims(tuple(resident), excess, at_ms):
                    del resident[victim]
                    used -= cell.sizes[victim]
            used += cell.sizes[model]
            total_ms += cell.load_ms[model]
        resident[model] = None
    return total_ms


class _LeastRecent:
    """One after another, in the order of the last use."""

    def __init__(self, cell: Cell) -> None:
        self._sizes = cell.sizes

    def request(self, model: int, at_ms: int) -> None:
        """Nothing to remember: `resident` comes in order."""

    def victims(self, resident: Sequence[int], excess: int, at_ms: int) -> Iterable[int]:
        for model in self.order(resident):
            if excess <= 0:
                break
            excess -= self._sizes[model]
            yield model

    def order(self, resident: Sequence[int]) -> Sequence[int]:
        return resident


class _LeastFrequent(_LeastRecent):
    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self._counts = [0] * len(cell.sizes)

    def request(self, model: int, at_ms: int) -> None:
        self._counts[model] += 1

    def order(self, resident: Sequence[int]) -> Sequence[int]:
        return sorted(resident, key=self._counts.__getitem__)


class _ByDigest(_LeastRecent):
    def __init__(self, cell: Cell, salt: int) -> None:
        super().__init__(cell)
        self._digests = [sha256(f"{salt}/{name}".encode()).digest() for name in cell.names]

    def order(self, resident: Sequence[int]) -> Sequence[int]:
        return sorted(resident, key=self._digests.__getitem__)


class _Hybrid:
    """Asks the product; its times are the product's own, milliseconds."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._resource = "models" if cell.kind == "slots" else "ram"
        self._demands = [Demand()] * len(cell.names)
        self._indexes = {name: index for index, name in enumerate(cell.names)}

    def request(self, model: int, at_ms: int) -> None:
        mine = self._demands[model]
        repeated = mine.count > 0 and all(
            other.last_ms < mine.last_ms for index, other in enumerate(self._demands) if index != model
        )
        self._demands[model] = requested(mine, at_ms, repeated=repeated)

    def victims(self, resident: Sequence[int], excess: int, at_ms: int) -> Iterable[int]:
        candidates = [self._candidate(model, at_ms) for model in resident]
        chosen = choose("hybrid", candidates, {self._resource: excess})
        if chosen is None:
            raise ValueError(f"{self._cell.budget_name} is too little for the largest model")
        return [self._indexes[name] for name in chosen]

    def _candidate(self, model: int, at_ms: int) -> Candidate:
        loss = loss_us_per_hour(self._demands[model], self._cell.load_ms[model], at_ms)
        return Candidate(
            model=self._cell.names[model],
            score=(loss,),
            frees={self._resource: self._cell.sizes[model]},
            figures={},
        )
