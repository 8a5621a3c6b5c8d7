"""Who must leave: one complete set of victims that frees enough, by policy.

`hybrid` takes the least valuable subset, weighing what each model's absence will cost (`demand`); the other
policies take models one after another in their order and then spare whoever turned out not to be needed.
"""

from collections.abc import Sequence
from itertools import chain, combinations
from typing import Literal

from ..reasons import Candidate

Policy = Literal["hybrid", "lru", "lfu", "priority"]

#: Amounts by resource: bytes for a device, a count for `models`.
Amounts = dict[str, int]

#: Up to this many candidates every subset is tried; with more, every pair and two greedy ones.
_EXACT_UP_TO = 8


def choose(policy: Policy, candidates: Sequence[Candidate], shortfall: Amounts) -> tuple[str, ...] | None:
    """The victims, sorted by name, that free at least `shortfall`; None when all together do not."""
    chosen = _choices(policy, candidates, shortfall)
    return _names(chosen[0]) if chosen else None


def margin(policy: Policy, candidates: Sequence[Candidate], shortfall: Amounts) -> int | None:
    """By how much the next best set is worse, in the unit of the score; None when there is none."""
    chosen = _choices(policy, candidates, shortfall)
    if len(chosen) < 2:
        return None
    return weight(policy, chosen[1]) - weight(policy, chosen[0])


def weight(policy: Policy, victims: Sequence[Candidate]) -> int:
    """What a set costs: the sum for `hybrid`; for another policy the last in its order that it takes."""
    scores = [victim.score[0] for victim in victims]
    return sum(scores) if policy == "hybrid" else max(scores)


def covers(victims: Sequence[Candidate], shortfall: Amounts) -> bool:
    """Whether the victims together free at least the shortfall of every resource."""
    for resource, amount in shortfall.items():
        for victim in victims:
            amount -= victim.frees.get(resource, 0)  # noqa: PLW2901 - asked for thousands of sets: no generators
        if amount > 0:
            return False
    return True


def _choices(
    policy: Policy, candidates: Sequence[Candidate], shortfall: Amounts
) -> list[tuple[Candidate, ...]]:
    """Sets that suffice, best first; for an ordering policy only the one it leads to and the runner-up."""
    ordered = sorted(candidates, key=lambda candidate: (candidate.score, candidate.model))
    if not covers(ordered, shortfall):
        return []
    first = _greedy(ordered, shortfall)
    if policy != "hybrid":
        rest = [candidate for candidate in ordered if candidate not in first]
        return [first, *([_greedy(rest, shortfall)] if covers(rest, shortfall) else [])]
    by_density = sorted(ordered, key=lambda candidate: _density(candidate, shortfall))
    sizes = range(1, len(ordered) + 1) if len(ordered) <= _EXACT_UP_TO else (1, 2)
    subsets = chain.from_iterable(combinations(ordered, size) for size in sizes)
    found = {_names(first): first}
    for subset in (_greedy(by_density, shortfall), *subsets):
        if covers(subset, shortfall):
            pruned = _prune(subset, shortfall)
            found[_names(pruned)] = pruned
    return sorted(found.values(), key=lambda subset: (_cost(subset), len(subset), _names(subset)))


def _greedy(ordered: Sequence[Candidate], shortfall: Amounts) -> tuple[Candidate, ...]:
    """Take from the front until it is enough, then spare whoever is not needed."""
    taken: list[Candidate] = []
    for candidate in ordered:
        if covers(taken, shortfall):
            break
        taken.append(candidate)
    return _prune(tuple(taken), shortfall)


def _prune(victims: tuple[Candidate, ...], shortfall: Amounts) -> tuple[Candidate, ...]:
    """Spare, the most valuable first, every victim without whom the rest still suffices."""
    for victim in sorted(victims, key=lambda candidate: (candidate.score, candidate.model), reverse=True):
        rest = tuple(other for other in victims if other is not victim)
        if covers(rest, shortfall):
            victims = rest
    return victims


def _density(candidate: Candidate, shortfall: Amounts) -> tuple[int, str]:
    """Cost for each part in 2**20 of the shortfall that the candidate covers."""
    useful = sum(
        min(candidate.frees.get(resource, 0), amount) * (1 << 20) // amount
        for resource, amount in shortfall.items()
    )
    return candidate.score[0] * (1 << 20) // max(useful, 1), candidate.model


def _cost(victims: Sequence[Candidate]) -> tuple[int, ...]:
    """Component-wise sum of the scores."""
    return tuple(sum(parts) for parts in zip(*(victim.score for victim in victims), strict=True))


def _names(victims: Sequence[Candidate]) -> tuple[str, ...]:
    return tuple(sorted(victim.model for victim in victims))
