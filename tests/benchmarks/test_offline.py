"""The optimum is what trying everything finds, on streams small enough to try everything."""

from random import Random

import pytest

from benchmarks import offline, policies
from benchmarks.cells import Cell, Kind
from benchmarks.streams import Request

SEEDS = range(40)


def cell_of(
    models: str,
    budget: int,
    sizes: tuple[int, ...] = (),
    load_ms: tuple[int, ...] = (),
    kind: Kind = "memory",
) -> Cell:
    """A request a minute for each letter; without sizes and load times, slots that cost a second each."""
    names = tuple(sorted(set(models)))
    requests = tuple(Request(60_000 * n, names.index(model)) for n, model in enumerate(models, 1))
    ones = (1,) * len(names)
    return Cell("test", "test", kind, requests, names, sizes or ones, load_ms or (1000,) * len(names), budget)


def random_slots(seed: int) -> Cell:
    """Up to twelve requests for up to five models, in two or three slots."""
    rng = Random(seed)
    return cell_of("".join(rng.choices("abcde", k=12)), rng.choice((2, 3)), kind="slots")


def random_memory(seed: int) -> Cell:
    """The same for models of several sizes and load times."""
    rng = Random(seed)
    models = "".join(rng.choices("abcde", k=12))
    count = len(set(models))
    sizes = tuple(rng.randint(1, 6) for _ in range(count))
    return cell_of(models, rng.randint(6, 9), sizes, tuple(rng.randint(1, 20) * 100 for _ in range(count)))


def brute_force(cell: Cell) -> int:
    """Try every set of victims at every miss, also sets that are larger than they need to be."""
    asked = [request.model for request in cell.requests]

    def least(index: int, resident: frozenset[int]) -> int:
        if index == len(asked):
            return 0
        model = asked[index]
        if model in resident:
            return least(index + 1, resident)
        return cell.load_ms[model] + min(
            least(index + 1, kept | {model})
            for kept in _subsets(resident)
            if sum(cell.sizes[one] for one in kept | {model}) <= cell.budget
        )

    return least(0, frozenset())


def _subsets(models: frozenset[int]) -> list[frozenset[int]]:
    found = [frozenset[int]()]
    for model in models:
        found += [subset | {model} for subset in found]
    return found


def test_belady_keeps_what_is_needed_soonest() -> None:
    """Of a and b, when c comes, b is needed later: five requests, four loads."""
    assert offline.belady(cell_of("abcab", 2)) == 4000


def test_the_optimum_keeps_the_slow_loader_although_it_is_needed_later() -> None:
    """When c comes, evicting a costs 100 ms and evicting b, which is needed later, 5 s."""
    assert offline.optimum(cell_of("abcab", 2, load_ms=(100, 5000, 100))) == 100 + 5000 + 100 + 100


def test_the_optimum_evicts_one_large_model_rather_than_two_small_ones() -> None:
    """When d comes, c alone makes room; b and a stay, although c is needed first."""
    cell = cell_of("abcdcab", 4, sizes=(1, 1, 2, 2), load_ms=(1000, 1000, 1000, 1000))
    assert offline.optimum(cell) == 5000


@pytest.mark.parametrize("seed", SEEDS)
def test_belady_is_what_trying_everything_finds(seed: int) -> None:
    cell = random_slots(seed)
    assert offline.belady(cell) == brute_force(cell)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimum_is_what_trying_everything_finds(seed: int) -> None:
    cell = random_memory(seed)
    assert offline.optimum(cell) == brute_force(cell)


@pytest.mark.parametrize("seed", SEEDS)
def test_belady_and_the_optimum_agree_on_equal_slots(seed: int) -> None:
    rng = Random(seed)
    cell = cell_of("".join(rng.choices("abcdefgh", k=200)), 3, kind="slots")
    assert offline.belady(cell) == offline.optimum(cell)


def test_belady_refuses_models_of_different_sizes() -> None:
    with pytest.raises(ValueError, match="use optimum"):
        offline.belady(cell_of("ab", 2, sizes=(1, 2)))


@pytest.mark.parametrize("policy", [policies.lru, policies.lfu, policies.ollama, policies.bursar])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_policy_beats_the_optimum(policy: policies.Policy, seed: int) -> None:
    for cell in (random_slots(seed), random_memory(seed)):
        assert policy(cell) >= offline.optimum(cell)


def test_bursar_protects_what_is_asked_for_often() -> None:
    """Least recently used, a leaves for the passing c and d each time; bursar keeps it."""
    cell = cell_of("aab" + "aacdaabe" * 6, 2, kind="slots")
    assert policies.bursar(cell) < policies.lru(cell)
