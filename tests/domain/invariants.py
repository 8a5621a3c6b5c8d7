"""What must hold after every step of the kernel, whatever the world does."""

from dataclasses import dataclass, field
from itertools import takewhile

from bursar.domain.events import Event
from bursar.domain.host.events import MemoryRelieved, StateDigested
from bursar.domain.host.state import Phase
from bursar.domain.kernel import Step, evolve, step, take
from bursar.domain.models import eviction, ledger
from bursar.domain.models.abilities import way_out
from bursar.domain.models.candidates import rooted
from bursar.domain.models.events import EvictionPlanned, ModelLoadStarted, ModelUnloadStarted
from bursar.domain.models.machine import LEAVING, LOADABLE, ModelState
from bursar.domain.models.state import Model, Plan
from bursar.domain.reasons import Reason, reevaluate
from bursar.domain.registry import encode
from bursar.domain.requests.events import (
    LeaseGranted,
    LeaseRevoked,
    RequestAborted,
    RequestArrived,
    RequestCancelled,
    RequestExpired,
    RequestFinished,
    RequestRejected,
)
from bursar.domain.requests.line import lacks_room, overdue
from bursar.domain.requests.state import Request
from bursar.domain.resilience.events import RequestRedirected
from bursar.domain.state import State

_POLICIES: dict[str, eviction.Policy] = {
    "eviction.hybrid": "hybrid",
    "eviction.lru": "lru",
    "eviction.lfu": "lfu",
    "eviction.priority": "priority",
}
_ENDS = (
    RequestFinished,
    RequestCancelled,
    RequestRejected,
    RequestExpired,
    LeaseRevoked,
    RequestAborted,
)


@dataclass
class Invariants:
    """Watches a world, and fails at the first step that breaks a rule."""

    events: dict[int, Event] = field(default_factory=dict[int, Event])
    granted: dict[int, int] = field(default_factory=dict[int, int])
    ended: dict[int, int] = field(default_factory=dict[int, int])

    def __call__(self, before: State, taken: Step) -> None:
        """Check one step."""
        _is_decided_again(before, taken)
        state = served_from = before
        for event in taken.events:
            self._is_linked(state, event)
            if isinstance(event.body, (LeaseGranted, EvictionPlanned, ModelLoadStarted, RequestRejected)):
                # The first of these: from here on room was given away, to whom the line says.
                served_from = served_from if served_from is not before else state
                _nobody_overdue_is_passed(served_from, state, event)
            _check(state, event)
            self._ends_once(event)
            state = evolve(state, event)
        assert state == taken.state, "folding the batch does not give the state of the step"
        _is_sound(before, taken)

    def _is_linked(self, state: State, event: Event) -> None:
        """It comes next, and every event it goes back to is there."""
        assert event.position == state.position + 1
        assert event.at >= state.at
        self.events[event.position] = event
        assert event.correlation in self.events
        cause = event.cause
        while cause is not None:
            assert cause < event.position
            cause = self.events[cause].cause
        if event.body.kind == "decision":
            reason = _reason(event)
            assert reason.rule
            assert reevaluate(reason), f"{event.body.name} rests on comparisons that come out otherwise"
            assert all(position in self.events for position in reason.evidence.values())

    def _ends_once(self, event: Event) -> None:
        body = event.body
        if isinstance(body, LeaseGranted):
            assert body.request not in self.granted, "two leases for one request"
            assert body.request not in self.ended, "a lease for a request that has ended"
            self.granted[body.request] = event.position
        if isinstance(body, RequestRedirected):
            # It waits again, for another model.
            self.granted.pop(body.request, None)
        if isinstance(body, _ENDS):
            assert isinstance(self.events[body.request].body, RequestArrived)
            assert body.request not in self.ended, "a request ends twice"
            self.ended[body.request] = event.position

    def everybody_was_answered(self) -> None:
        """Exactly one end for each request that ever arrived."""
        arrived = {
            position for position, event in self.events.items() if isinstance(event.body, RequestArrived)
        }
        assert arrived == set(self.ended), "somebody was never answered"


def _is_decided_again(before: State, taken: Step) -> None:
    """The same fact on the same state leads to the same bytes."""
    again = take(before, taken.fact)
    assert again.decisions == taken.decisions, "the same fact on the same state is decided otherwise"
    assert [encode(event.body) for event in again.decisions] == [
        encode(event.body) for event in taken.decisions
    ]
    assert again.state == taken.state


def _check(state: State, event: Event) -> None:
    """What holds of the decision in the state that it was taken in."""
    match event.body:
        case LeaseGranted() as granted:
            model = state.models[granted.model]
            assert model.state is ModelState.READY, "a lease on a model that does not serve"
            assert len(model.leases) < model.slots, "more leases than slots"
        case ModelLoadStarted() as load:
            _fits(state, load)
        case ModelUnloadStarted() as unload:
            model = state.models[unload.model]
            assert not model.assumed, "a model is unloaded that was only assumed to be there"
            assert not model.leases, "a model is unloaded that somebody holds"
            if unload.motive not in ("operator", "shutdown"):
                assert not state.host.pinned(model.name), "a pinned model is evicted"
        case EvictionPlanned() as plan:
            _victims_may_leave(state, plan)
            _victims_are_the_best(plan)
        case _:
            pass


def _fits(state: State, load: ModelLoadStarted) -> None:
    """Everything in memory, the leaving included, and the new one stay within the limits in force."""
    assert state.host.phase is Phase.RUNNING
    ceilings = ledger.ceilings(state)
    taken = ledger.total(ledger.takes(state, model) for model in state.resident())
    for resource, amount in load.need.items():
        if resource in ceilings:
            total = taken.get(resource, 0) + amount
            assert total <= ceilings[resource], f"{load.model} does not fit: {resource}"
    for resource in load.need:
        if resource in ceilings:
            kept = sum(_kept_for(state, plan, resource) for plan in _older_plans(state, load.model))
            left = ceilings[resource] - taken.get(resource, 0) - load.need[resource]
            assert left >= kept, f"{load.model} takes {resource} that an older plan waits for"
    description = state.models[load.model].description
    assert description is not None
    assert load.need == ledger.need(state, description), "it is loaded for what it took once"


def _older_plans(state: State, model: str) -> list[Plan]:
    return list(takewhile(lambda plan: plan.model != model, state.plans.values()))


def _kept_for(state: State, plan: Plan, resource: str) -> int:
    """What of the free room belongs to a plan: all it needs but what its victims have not left yet."""
    coming = sum(
        ledger.frees(state, model).get(resource, 0)
        for model in state.resident()
        if model.plan == plan.position and model.state in LEAVING
    )
    return max(0, plan.need.get(resource, 0) - coming)


def _victims_may_leave(state: State, plan: EvictionPlanned) -> None:
    request = state.requests[plan.request] if plan.request is not None else None
    late = request is not None and overdue(state, request)
    protectors = (other for other in state.waiting() if not late or other.position < (plan.request or 0))
    queued = {other.model for other in protectors}
    for name in plan.victims:
        victim = state.models[name]
        assert victim.state in (ModelState.READY, ModelState.SLEEPING)
        assert way_out(state, victim), "a victim that cannot leave"
        assert not state.host.pinned(name), "a pinned model is a victim"
        assert name not in queued, "a victim is waited for"
        assert late or not victim.leases, "a victim is in use"
    assert plan.model not in plan.victims


def _victims_are_the_best(plan: EvictionPlanned) -> None:
    """They are what the rule chooses from the recorded candidates: enough, and nobody too many."""
    if not plan.reason.candidates:
        assert plan.victims == ()
        return
    policy = _POLICIES[plan.reason.rule]
    chosen = eviction.choose(policy, plan.reason.candidates, plan.shortfall)
    assert chosen is not None, "an incomplete set of victims"
    assert plan.victims == chosen
    victims = [candidate for candidate in plan.reason.candidates if candidate.model in chosen]
    for victim in victims:
        rest = [other for other in victims if other is not victim]
        assert not eviction.covers(rest, plan.shortfall), f"{victim.model} leaves without need"
    if plan.reason.margin is not None:
        assert plan.reason.margin >= 0


def _nobody_overdue_is_passed(start: State, state: State, event: Event) -> None:
    """What an overdue request is short of is not used to serve somebody who came later."""
    body = event.body
    if isinstance(body, RequestRejected) or "plan" in _reason(event).evidence:
        return
    position = getattr(body, "request", None)
    if position is None:
        if isinstance(body, ModelLoadStarted):
            assert not any(lacks_room(state, request) for request in state.waiting())
        return
    uses = _uses(state, state.models[state.requests[position].model])
    for other in state.waiting():
        if other.position < position and overdue(state, other) and lacks_room(state, other):
            short = _shortfall(start, other) & _shortfall(state, other)
            assert not short & uses, f"request {position} is served before {other.position}"


def _reason(event: Event) -> Reason:
    reason = getattr(event.body, "reason", None)
    assert isinstance(reason, Reason), f"{event.body.name} has no reason"
    return reason


def _uses(state: State, model: Model) -> set[str]:
    if model.state in LOADABLE and model.description:
        return set(ledger.need(state, model.description))
    return set() if rooted(state, model) else set(ledger.takes(state, model))


def _shortfall(state: State, request: Request) -> set[str]:
    description = state.models[request.model].description
    assert description is not None
    left = ledger.uncommitted(state)
    need = ledger.need(state, description)
    return {resource for resource, amount in need.items() if resource in left and left[resource] < amount}


def _is_sound(before: State, taken: Step) -> None:
    """What holds after every step."""
    state = taken.state
    _books_agree(state)
    for plan in state.plans.values():
        assert state.models[plan.model].state in LOADABLE, "room is made for a model in memory"
        assert any(request.model == plan.model for request in state.waiting()), "a plan that nobody wants"
        left = ledger.uncommitted(state)
        assert all(left[resource] >= 0 for resource in plan.need if resource in left), "plans do not fit"
    if isinstance(taken.fact.body, RequestArrived):
        waiting, limit = len(state.waiting()), state.host.settings.queue.max_waiting
        assert waiting <= max(limit, len(before.waiting())), "more wait than may"
    _nothing_is_left_undone(taken)


def _books_agree(state: State) -> None:
    """Requests and models tell the same of leases, and models the same of themselves."""
    for request in state.requests.values():
        leased = request.position in state.models[request.model].leases
        assert leased != request.waiting, "a lease that only one side knows of"
    for model in state.models.values():
        assert all(position in state.requests for position in model.leases), "a lease of nobody"
        moving = model.state in (ModelState.LOADING, ModelState.UNLOADING)
        assert moving == (model.intent is not None), f"{model.name} is {model.state}"
        leaving = model.state in (ModelState.DRAINING, ModelState.UNLOADING)
        assert leaving == (model.motive is not None), f"{model.name} is {model.state}"


def _nothing_is_left_undone(taken: Step) -> None:
    """Deciding again, with nothing new, decides nothing; but see what may come with the next fact.

    A step that makes room may relieve memory, or make a plan needless that waits for models in use. Both is
    noticed at the latest when what is leaving has left, or when a lease ends.
    """
    again = step(taken.state, StateDigested(digest=""), at=taken.state.at).decisions
    left = [event.body for event in again if not isinstance(event.body, MemoryRelieved)]
    assert not left or _may_wait(taken.state, again[0]), f"left undone: {left}"


def _may_wait(state: State, event: Event) -> bool:
    """A sleeping model is spared for whoever waits for it, who may be turned away after all."""
    body = event.body
    if isinstance(body, EvictionPlanned) and body.model is None:
        return all(state.models[name].state is ModelState.SLEEPING for name in body.victims)
    return _reason(event).rule == "plan.better"
