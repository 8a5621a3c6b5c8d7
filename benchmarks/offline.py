"""The offline optimum: the fewest milliseconds of loading that somebody who knows the future can reach.

Both functions return the true optimum of the model in `cells`: every request needs its model in memory when
it arrives, nothing is loaded before it is asked for, models leave whole. Neither is a bound or an estimate.
"""

from functools import cache

from .cells import Cell

#: A set of models, one bit for each.
Models = int

#: How many of the cheapest states the others are compared with; any number gives the same result.
_RIVALS = 8


def belady(cell: Cell) -> int:
    """Evict whose next use lies furthest ahead: optimal where sizes are equal and loads cost the same."""
    if len(set(cell.sizes)) > 1 or len(set(cell.load_ms)) > 1:
        raise ValueError("Belady's rule is optimal only for equal sizes and load times: use optimum()")
    changes = cell.changes()
    slots = cell.budget // cell.sizes[0]
    next_use: dict[int, int] = {}
    loads = 0
    for model, following in zip(changes, _next_uses(changes), strict=True):
        if model not in next_use:
            loads += 1
            if len(next_use) == slots:
                del next_use[max(next_use, key=lambda resident: (next_use[resident], resident))]
        next_use[model] = following
    return loads * cell.load_ms[0]


def optimum(cell: Cell) -> int:
    """The least total load time for any sizes and load times, by dynamic programming over memory contents.

    A state is what may be in memory after a request, with the least cost of getting there; a miss leads from
    it to every state that a minimal set of victims leaves. What keeps the states few is dominance: from
    memory `t` one can do whatever can be done from memory `s`, paying at most one load for each model that
    only `s` has, so `s` is dropped when it costs no less than `t` and those loads. Exact, and in practice
    some dozens of states; the worst case is exponential in the number of models.
    """
    search = _Search(cell)
    changes = cell.changes()
    states: dict[Models, int] = {0: 0}
    for model, following in zip(changes, _next_uses(changes), strict=True):
        bit = 1 << model
        if not all(models & bit for models in states):
            states = search.after_miss(states, model)
        if following == len(changes):
            states = _without(states, bit)
    return min(states.values())


class _Search:
    """The steps of the programme, with what can be remembered from one to the next."""

    def __init__(self, cell: Cell) -> None:
        self._load_ms = cell.load_ms
        self._sizes = cell.sizes
        self._budget = cell.budget
        self._load_all = cache(self._load_all_uncached)
        self._contents = cache(self._contents_uncached)

    def after_miss(self, states: dict[Models, int], model: int) -> dict[Models, int]:
        """The states worth keeping once `model` has been served, some of them having had to load it."""
        bit = 1 << model
        found = {models: cost for models, cost in states.items() if models & bit}
        rivals = sorted((cost, models) for models, cost in found.items())[:_RIVALS]
        for models, before in states.items():
            cost = before + self._load_ms[model]
            if models & bit or self._dominated(models, cost, rivals):
                continue
            for contents in self._contents(models, model):
                if cost < found.get(contents, cost + 1):
                    found[contents] = cost
        return self._undominated(found)

    def _undominated(self, states: dict[Models, int]) -> dict[Models, int]:
        """The states that none of the cheapest replaces; of equally cheap ones, the fuller comes first."""
        kept: dict[Models, int] = {}
        rivals: list[tuple[int, Models]] = []
        for cost, negative in sorted((cost, -models) for models, cost in states.items()):
            if not self._dominated(-negative, cost, rivals):
                kept[-negative] = cost
                if len(rivals) < _RIVALS:
                    rivals.append((cost, -negative))
        return kept

    def _dominated(self, models: Models, cost: int, rivals: list[tuple[int, Models]]) -> bool:
        load_all = self._load_all
        for other_cost, other in rivals:  # noqa: SIM110 - `any` is half as fast, and this is all the work
            if cost >= other_cost + load_all(models & ~other):
                return True
        return False

    def _load_all_uncached(self, models: Models) -> int:
        """Milliseconds of loading all of them."""
        return sum(self._load_ms[model] for model in _members(models))

    def _contents_uncached(self, models: Models, wanted: int) -> list[Models]:
        """What may be in memory after loading `wanted`: once for each minimal set of victims."""
        by_size = sorted(_members(models), key=lambda model: -self._sizes[model])
        excess = sum(self._sizes[model] for model in by_size) + self._sizes[wanted] - self._budget
        found: list[Models] = []

        def evict(start: int, remaining: Models, excess: int) -> None:
            """Take victims by falling size: then the set is minimal when the last one was still needed."""
            for position in range(start, len(by_size)):
                rest = remaining & ~(1 << by_size[position])
                left = excess - self._sizes[by_size[position]]
                if left <= 0:
                    found.append(rest)
                else:
                    evict(position + 1, rest, left)

        if excess <= 0:
            return [models | 1 << wanted]
        evict(0, models, excess)
        return [contents | 1 << wanted for contents in found]


def _without(states: dict[Models, int], bit: Models) -> dict[Models, int]:
    """The same without a model that nobody will ask for again: its room is as good as free."""
    merged: dict[Models, int] = {}
    for models, cost in states.items():
        contents = models & ~bit
        merged[contents] = min(cost, merged.get(contents, cost))
    return merged


def _next_uses(changes: list[int]) -> list[int]:
    """Where each model is asked for next; past the end when it is not."""
    following: dict[int, int] = {}
    found = [0] * len(changes)
    for index in range(len(changes) - 1, -1, -1):
        found[index] = following.get(changes[index], len(changes))
        following[changes[index]] = index
    return found


def _members(models: Models) -> list[int]:
    return [model for model in range(models.bit_length()) if models >> model & 1]
