"""Whether a model may be loaded, and who must leave for it: a complete answer before anything is touched.

The answer is one of four: it fits; a set of victims makes it fit; it must wait for models that are in use;
or it is infeasible, because even with everything evictable gone there would be too little.
"""

from dataclasses import dataclass

from ..reasons import Comparisons, Reason
from ..requests.line import overdue, overtaken_ms
from ..requests.state import Request
from ..state import State
from . import eviction, ledger
from .candidates import pool
from .eviction import Amounts
from .values import Description


@dataclass(frozen=True, slots=True)
class Fits:
    """Nobody more has to leave; `free_now` when nobody is still leaving either."""

    need: Amounts
    free_now: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Evict:
    """These have to leave, and then it fits."""

    need: Amounts
    shortfall: Amounts
    victims: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Wait:
    """It could fit, but those in the way are in use."""

    shortfall: Amounts
    reason: Reason


@dataclass(frozen=True, slots=True)
class Infeasible:
    """It can never fit; `pinned` names the pinned models in the way when without them it could."""

    resource: str
    need: int
    ceiling: int
    pinned: tuple[str, ...]
    reason: Reason


Verdict = Fits | Evict | Wait | Infeasible


def admit(state: State, request: Request | None, description: Description) -> Verdict:
    """Decide about loading `description` for `request` (None for a preload, which never evicts)."""
    need = ledger.need(state, description)
    tests = Comparisons()
    impossible = _infeasible(state, need, tests)
    if impossible:
        return impossible
    shortfall = _shortfall(ledger.uncommitted(state), need, tests)
    if not shortfall:
        free = ledger.available(state)
        free_now = all(
            tests.hold(f"free {resource}", free[resource], ">=", amount)
            for resource, amount in need.items()
            if resource in free
        )
        return Fits(need, free_now, _reason(state, "admission.fits", tests))
    if request is None:
        return Wait(shortfall, _reason(state, "admission.wait", tests))
    return _make_room(state, request, need, shortfall, tests)


def _make_room(
    state: State, request: Request, need: Amounts, shortfall: Amounts, tests: Comparisons
) -> Evict | Wait:
    """Choose victims among the idle; further down the ladder only when the overtake budget is spent."""
    policy = state.host.settings.eviction.policy
    candidates, excluded = pool(state, request, "idle")
    victims = eviction.choose(policy, candidates, shortfall)
    if victims is None and _hold_overdue(state, request, tests):
        for reach in ("wanted", "in_use"):
            candidates, excluded = pool(state, request, reach)
            victims = eviction.choose(policy, candidates, shortfall)
            if victims is not None:
                break
    if victims is None:
        reason = _reason(state, "admission.wait", tests)
        return Wait(shortfall, reason.model_copy(update={"candidates": candidates, "excluded": excluded}))
    reason = _reason(state, f"eviction.{policy}", tests).model_copy(
        update={
            "candidates": candidates,
            "excluded": excluded,
            "margin": eviction.margin(policy, candidates, shortfall),
        }
    )
    return Evict(need, shortfall, victims, reason)


def _hold_overdue(state: State, request: Request, tests: Comparisons) -> bool:
    budget = state.host.settings.limits.overtake_budget_ms
    tests.hold("overtaken_ms", overtaken_ms(state, request), ">=", budget)
    return overdue(state, request)


def _infeasible(state: State, need: Amounts, tests: Comparisons) -> Infeasible | None:
    """The first resource of which there could never be enough."""
    ceilings, immovable = ledger.ceilings(state), ledger.immovable(state)
    pinned = {model.name: ledger.takes(state, model) for model in ledger.pinned(state)}
    held = ledger.total(pinned.values())
    for resource, amount in need.items():
        if resource not in ceilings:
            continue
        ceiling = ceilings[resource] - immovable.get(resource, 0)
        if not tests.hold(f"ceiling {resource}", ceiling, ">=", amount):
            return Infeasible(resource, amount, ceiling, (), _reason(state, "admission.infeasible", tests))
        unpinned = ceiling - held.get(resource, 0)
        if not tests.hold(f"ceiling less pinned {resource}", unpinned, ">=", amount):
            names = tuple(name for name, taken in pinned.items() if taken.get(resource))
            return Infeasible(resource, amount, unpinned, names, _reason(state, "admission.pinned", tests))
    return None


def _shortfall(uncommitted: Amounts, need: Amounts, tests: Comparisons) -> Amounts:
    """What is missing of each resource, where something is."""
    return {
        resource: amount - uncommitted[resource]
        for resource, amount in need.items()
        if resource in uncommitted
        and not tests.hold(f"uncommitted {resource}", uncommitted[resource], ">=", amount)
    }


def _reason(state: State, rule: str, tests: Comparisons) -> Reason:
    return Reason(rule=rule, tests=tests.tests, evidence=evidence(state))


def evidence(state: State) -> dict[str, int]:
    """Positions of the settings and of the reading that an admission looks at."""
    found = {"settings": state.host.settings_position, "reading": state.host.reading_position}
    return {what: position for what, position in found.items() if position}
