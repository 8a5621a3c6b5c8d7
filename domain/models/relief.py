"""What to do when more is in use than may be: a model grew, another process did, or a limit was lowered."""

from ..draft import Draft
from ..host.events import MemoryOvercommitted, MemoryRelieved
from ..reasons import Comparisons, Reason
from ..state import State
from . import eviction
from .admission import evidence
from .candidates import pool
from .events import EvictionPlanned
from .eviction import Amounts
from .leaving import drain
from .ledger import total, uncommitted


def relieve(draft: Draft) -> None:
    """Evict idle models until the limits hold again; say so when that is not enough."""
    if not draft.state.host.overcommitted and min(uncommitted(draft.state).values()) >= 0:
        return
    tests = Comparisons()
    excess = _excess(draft.state, tests)
    if excess:
        _evict_idle(draft, excess, tests)
        tests = Comparisons()
        excess = _excess(draft.state, tests)
    reason = Reason(rule="relief", tests=tests.tests, evidence=evidence(draft.state))
    if excess and not draft.state.host.overcommitted:
        draft.conclude(MemoryOvercommitted(excess=excess, reason=reason))
    if not excess and draft.state.host.overcommitted:
        draft.conclude(MemoryRelieved(reason=reason))


def _evict_idle(draft: Draft, excess: Amounts, tests: Comparisons) -> None:
    """The best set of idle models that covers the excess, or as much of it as they can together."""
    policy = draft.state.host.settings.eviction.policy
    candidates, excluded = pool(draft.state, None, "idle")
    freed = total(candidate.frees for candidate in candidates)
    shortfall = {resource: min(amount, freed.get(resource, 0)) for resource, amount in excess.items()}
    shortfall = {resource: amount for resource, amount in shortfall.items() if amount}
    victims = eviction.choose(policy, candidates, shortfall) if shortfall else None
    if victims is None:
        return
    reason = Reason(
        rule=f"eviction.{policy}",
        tests=tests.tests,
        candidates=candidates,
        excluded=excluded,
        margin=eviction.margin(policy, candidates, shortfall),
        evidence=evidence(draft.state),
    )
    plan = draft.conclude(
        EvictionPlanned(
            model=None, request=None, need={}, shortfall=shortfall, victims=victims, reason=reason
        )
    )
    for victim in victims:
        drain(draft, draft.state.models[victim], "pressure", plan, Reason(rule="plan.victim"))


def _excess(state: State, tests: Comparisons) -> Amounts:
    """By how much each limit is passed, where it is."""
    return {
        resource: -amount
        for resource, amount in uncommitted(state).items()
        if not tests.hold(f"uncommitted {resource}", amount, ">=", 0)
    }
