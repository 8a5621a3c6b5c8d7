"""Brings requests and models together: grants leases, makes room, starts loads and unloads.

Run at the end of every step. It gives up what has become pointless, starts loads whose room is free by now,
brings memory within its limits, and walks the waiting requests in their order, doing for each what can be
done; then it unloads what has drained.
"""

from ..draft import Draft
from ..host.state import Phase
from ..reasons import Comparisons, Reason
from ..requests.events import LeaseGranted
from ..requests.line import NS_PER_MS, line, overdue, overtaken_ms, passed
from ..requests.state import Request
from ..resilience.fallback import redirect
from ..resilience.gate import hold, passes
from ..resilience.refusing import turn_away
from ..resilience.review import review
from ..state import State
from . import ledger
from .admission import Evict, Fits, Infeasible, Wait, admit
from .candidates import rooted
from .events import EvictionPlanned
from .eviction import Amounts
from .lapse import cool_down, expire_waiting
from .leaving import drain, drain_everything, unload_drained
from .machine import LOADABLE, ModelState
from .plans import assume, review_plans, start_load, start_planned_loads
from .refusals import reject_failed, reject_infeasible
from .relief import relieve
from .state import Model
from .values import Description


def schedule(draft: Draft) -> dict[int, Reason]:
    """Do everything that has become possible or necessary; return why each waiting request waits."""
    expire_waiting(draft)
    cool_down(draft)
    review(draft)
    turn_away(draft)
    review_plans(draft)
    reasons: dict[int, Reason] = {}
    match draft.state.host.phase:
        case Phase.STARTING | Phase.STOPPED:
            return reasons
        case Phase.RUNNING:
            start_planned_loads(draft)
            relieve(draft)
            reasons = _serve_waiting(draft)
        case Phase.STOPPING:
            drain_everything(draft)
    unload_drained(draft)
    return reasons


def grantable(state: State, request: Request) -> bool:
    """Whether a lease is free for it at this moment."""
    model = state.models[request.model]
    ready = model.state is ModelState.READY and _slot_is_free(model, Comparisons())
    return ready and passes(state, request.model)


def on_its_way(state: State, request: Request) -> Reason:
    """Why a request waits whose model cannot be had at this moment, whatever else is served."""
    tests = Comparisons()
    if not tests.hold("phase", state.host.phase.value, "==", Phase.RUNNING.value):
        return Reason(rule=f"queue.{state.host.phase.value}", tests=tests.tests)
    plan = state.plans.get(request.model)
    if plan:
        return Reason(rule="queue.plan", evidence={"plan": plan.position})
    model = state.models[request.model]
    tests.hold("model_state", model.state.value, "==", ModelState.READY.value)
    known = {"load": model.intent if model.state is ModelState.LOADING else None, "plan": model.plan}
    evidence = {what: position for what, position in known.items() if position is not None}
    return Reason(rule=f"queue.{model.state.value}", tests=tests.tests, evidence=evidence)


def _serve_waiting(draft: Draft) -> dict[int, Reason]:
    """Walk the line until nobody can be given anything: a lease may open the way for one further ahead."""
    reasons: dict[int, Reason] = {}
    before = -1
    while draft.state.position != before and draft.state.waiting():
        before = draft.state.position
        reasons = _serve_line(draft)
    return reasons


def _serve_line(draft: Draft) -> dict[int, Reason]:
    """Serve the waiting in their order; who is overdue and still lacks room bars those who came later."""
    reasons: dict[int, Reason] = {}
    barred: dict[str, int] = {}
    told: dict[str, Reason] = {}
    for position in [request.position for request in line(draft.state)]:
        request = draft.state.requests[position]
        before = draft.state.position
        reason = _barrier(draft.state, request, barred)
        if reason is None and position != draft.fact.position:
            # While nothing changes, the next in the line for a model fares no better than the one ahead.
            reason = told.get(request.model)
        if reason is None:
            reason = _serve(draft, request, barred)
            if reason:
                told[request.model] = reason
        if reason:
            reasons[position] = reason
        if draft.state.position != before:
            told.clear()
    return reasons


def _barrier(state: State, request: Request, barred: dict[str, int]) -> Reason | None:
    """Whether serving it would use a resource that somebody is short of who came earlier and is overdue."""
    for resource in _uses(state, state.models[request.model]) if barred else ():
        if barred.get(resource, request.position) < request.position:
            ahead = state.requests[barred[resource]]
            tests = Comparisons()
            budget = state.host.settings.limits.overtake_budget_ms
            tests.hold("overtaken_ms of the one ahead", overtaken_ms(state, ahead), ">=", budget)
            return Reason(rule="queue.barrier", tests=tests.tests, evidence={"ahead": ahead.position})
    return None


def _uses(state: State, model: Model) -> Amounts:
    """What serving a model keeps others from: nothing when its room could not be had in any case."""
    if model.state is ModelState.READY and not rooted(state, model):
        return ledger.takes(state, model)
    if model.state in LOADABLE and model.name not in state.plans and model.description:
        return ledger.need(state, model.description)
    return {}


def _serve(draft: Draft, request: Request, barred: dict[str, int]) -> Reason | None:
    """Grant, make room or reject; when it must wait, return why, and bar the way if it is overdue."""
    model = draft.state.models[request.model]
    match model.state:
        case ModelState.READY:
            return _grant(draft, request, model)
        case ModelState.SLEEPING if model.retry_at > draft.state.at:
            return _turn_away_failed(draft, request, model)
        case ModelState.ABSENT if assume(draft, model):
            return _grant(draft, request, draft.state.models[model.name])
        case ModelState.ABSENT | ModelState.SLEEPING if (
            model.name not in draft.state.plans and model.description
        ):
            held = hold(draft.state, model.name, Comparisons(), load=True)
            if held:
                return held
            wait = _place(draft, request, model.description)
            if wait and overdue(draft.state, request):
                for resource in wait.shortfall:
                    barred.setdefault(resource, request.position)
            return wait.reason if wait else None
        case ModelState.FAILED:
            return _turn_away_failed(draft, request, model)
        case _:
            return on_its_way(draft.state, request)


def _turn_away_failed(draft: Draft, request: Request, model: Model) -> Reason | None:
    """Its model failed a moment ago: another answers, or nobody; who was only busy is waited for."""
    held = hold(draft.state, model.name, Comparisons(), load=True)
    if held is None and not redirect(draft, request, "fallback.cool_down"):
        reject_failed(draft, request, model)
    return held


def _grant(draft: Draft, request: Request, model: Model) -> Reason | None:
    tests = Comparisons()
    held = hold(draft.state, model.name, tests)
    if held:
        return held
    if not _slot_is_free(model, tests):
        return Reason(rule="queue.slots", tests=tests.tests)
    tests.hold("model_state", model.state.value, "==", ModelState.READY.value)
    _hold_overtaking(draft.state, request, tests)
    draft.conclude(
        LeaseGranted(
            request=request.position,
            model=model.name,
            waited_ms=(draft.state.at - request.arrived_at) // NS_PER_MS,
            reason=Reason(rule="lease.grant", tests=tests.tests),
        )
    )
    return None


def _slot_is_free(model: Model, tests: Comparisons) -> bool:
    return tests.hold("leases", len(model.leases), "<", model.slots)


def _hold_overtaking(state: State, request: Request, tests: Comparisons) -> None:
    """Record how far the budget of those passed is spent: the one who waited longest stands for all."""
    spent = [overtaken_ms(state, other) for other in passed(state, request.position, request.model)]
    if spent:
        budget = state.host.settings.limits.overtake_budget_ms
        tests.hold("overtaken_ms of those passed", max(spent), "<=", budget)


def _place(draft: Draft, request: Request, description: Description) -> Wait | None:
    """Load the model, make room for it, or say why neither can be done now."""
    verdict = admit(draft.state, request, description)
    match verdict:
        case Fits(need=need, free_now=True, reason=reason):
            start_load(draft, description.model, request.position, need, reason)
        case Fits(need=need, reason=reason):
            _plan(draft, request, description.model, Evict(need, {}, (), reason))
        case Evict():
            _plan(draft, request, description.model, verdict)
        case Wait():
            return verdict
        case Infeasible():
            reject_infeasible(draft, request, description.model, verdict)
    return None


def _plan(draft: Draft, request: Request, model: str, room: Evict) -> None:
    plan = draft.conclude(
        EvictionPlanned(
            model=model,
            request=request.position,
            need=room.need,
            shortfall=room.shortfall,
            victims=room.victims,
            reason=room.reason,
        )
    )
    for victim in room.victims:
        drain(draft, draft.state.models[victim], "evicted", plan, Reason(rule="plan.victim"))
