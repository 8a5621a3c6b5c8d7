"""The grounds of a decision: which one answers a question, who was weighed, what it was read from."""

from ..domain.models import eviction
from ..domain.models.eviction import Policy
from ..domain.reasons import Candidate, Reason
from ..domain.requests.line import NS_PER_MS
from ..eventstore.reader import Reader
from .explanation import Evidence, Link, Ranked
from .fields import fields

#: Comparisons that only say that the moment had come; the reason why is further up the chain.
_MECHANICAL = frozenset({"unload.drained", "plan.ready", "plan.victim", "lease.grant"})
#: Decisions that only carry out or report another one, which is the answer; all others are their own.
_CARRY_OUT = frozenset(
    {
        "ModelLoadStarted",
        "ModelDrainStarted",
        "ModelDrainCancelled",
        "ModelUnloadStarted",
        "LeaseGranted",
        "RequestQueued",
    }
)
_POLICIES: dict[str, Policy] = {
    "eviction.hybrid": "hybrid",
    "eviction.lru": "lru",
    "eviction.lfu": "lfu",
    "eviction.priority": "priority",
}


def decisive(links: tuple[Link, ...]) -> Link | None:
    """The decision that answers the question: a choice among candidates before any other comparison."""
    decisions = [link for link in links if link.reason]
    if links[0].reason and links[0].type not in _CARRY_OUT:
        return links[0]
    for link in decisions:
        if link.reason and link.reason.candidates:
            return link
    telling = [link for link in decisions if link.reason and link.reason.rule not in _MECHANICAL]
    compared = [link for link in telling if link.reason and link.reason.tests]
    return next(iter([*compared, *telling, *decisions]), None)


def ranked(reason: Reason | None, chosen: tuple[str, ...]) -> tuple[Ranked, ...]:
    """The candidates in the order of their scores, which the rule of the decision gave them."""
    candidates = sorted(reason.candidates, key=_order) if reason else []
    return tuple(
        Ranked(
            rank=rank,
            model=candidate.model,
            chosen=candidate.model in chosen,
            score=candidate.score,
            frees=candidate.frees,
            figures=candidate.figures,
        )
        for rank, candidate in enumerate(candidates, 1)
    )


def _order(candidate: Candidate) -> tuple[tuple[int, ...], str]:
    return candidate.score, candidate.model


def runner_up(reason: Reason | None, chosen: tuple[str, ...], shortfall: dict[str, int]) -> tuple[str, ...]:
    """The set that the margin refers to: the best one that spares somebody who was chosen."""
    policy = _POLICIES.get(reason.rule) if reason else None
    if reason is None or policy is None or reason.margin is None:
        return ()
    spared = ((name,) for name in chosen) if policy == "hybrid" else (chosen,)
    others = [_best_without(reason, policy, names, shortfall) for names in spared]
    wanted = _cost(reason, policy, chosen) + reason.margin
    return next((other for other in others if other and _cost(reason, policy, other) == wanted), ())


def _best_without(
    reason: Reason, policy: Policy, names: tuple[str, ...], shortfall: dict[str, int]
) -> tuple[str, ...] | None:
    rest = [candidate for candidate in reason.candidates if candidate.model not in names]
    return eviction.choose(policy, rest, shortfall)


def _cost(reason: Reason, policy: Policy, names: tuple[str, ...]) -> int:
    return eviction.weight(policy, [candidate for candidate in reason.candidates if candidate.model in names])


def evidence_of(reader: Reader, decided: Link | None, reason: Reason | None) -> tuple[Evidence, ...]:
    """What the decision was read from, with its age at that moment."""
    if decided is None or reason is None:
        return ()
    found = ((what, reader.get(position)) for what, position in sorted(reason.evidence.items()))
    return tuple(
        Evidence(
            what=what,
            position=record.position,
            age_ms=(decided.at - record.at) // NS_PER_MS,
            type=record.type,
            actor=record.actor,
            data=fields(record),
        )
        for what, record in found
        if record is not None
    )
