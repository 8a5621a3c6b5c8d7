"""Plans: victims leave together to make room for a model, and it is loaded as soon as its room is free."""

from ..copying import replace
from ..draft import Draft
from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from ..requests.line import line
from ..resilience.gate import hold
from ..state import State
from . import ledger
from .abilities import abilities
from .admission import Evict, Fits, admit, evidence
from .events import ModelLoadStarted, PlanAbandoned, ResidencyAssumed
from .eviction import Amounts
from .leaving import spare
from .machine import ModelState
from .state import Model, Plan


def start_load(draft: Draft, model: str, request: int | None, need: Amounts, reason: Reason) -> None:
    """Ask for a load; its memory counts from here on."""
    asleep = draft.state.models[model].state is ModelState.SLEEPING
    draft.conclude(
        ModelLoadStarted(
            model=model, request=request, need=need, how="wake" if asleep else "load", reason=reason
        )
    )


def assume(draft: Draft, model: Model) -> bool:
    """Take it to be in memory where its provider cannot load; whether that is so."""
    can = abilities(draft.state, model.name)
    tests = Comparisons()
    if model.state is not ModelState.ABSENT or not tests.hold(
        "its provider can load", int(can.load), "==", 0
    ):
        return False
    provider = draft.state.providers[provider_of(model.name)]
    reason = Reason(rule="residency.assumed", tests=tests.tests, evidence={"provider": provider.position})
    draft.conclude(ResidencyAssumed(model=model.name, reason=reason))
    return True


def start_planned_loads(draft: Draft) -> None:
    """Load what room has become free for, the oldest plan first: no younger one takes what it waits for."""
    for plan in tuple(draft.state.plans.values()):
        tests = Comparisons()
        free = ledger.available(draft.state, plan)
        fits = [
            tests.hold(f"free {resource}", free[resource], ">=", amount)
            for resource, amount in plan.need.items()
            if resource in free
        ]
        if all(fits) and hold(draft.state, plan.model, tests, load=True) is None:
            reason = Reason(rule="plan.ready", tests=tests.tests, evidence={"plan": plan.position})
            start_load(draft, plan.model, plan.request, plan.need, reason)


def review_plans(draft: Draft) -> None:
    """Give up plans that are flawed by now, and the newest of those that no longer fit together."""
    for plan in tuple(draft.state.plans.values()):
        flaw = _flaw(draft.state, plan)
        if flaw:
            _abandon(draft, plan, flaw)
    for plan in reversed(tuple(draft.state.plans.values())):
        tests = Comparisons()
        left = ledger.uncommitted(draft.state)
        fits = [
            tests.hold(f"uncommitted {resource}", left[resource], ">=", 0)
            for resource in plan.need
            if resource in left
        ]
        if not all(fits):
            reason = Reason(rule="plan.unfit", tests=tests.tests, evidence=evidence(draft.state))
            _abandon(draft, plan, reason)


def _abandon(draft: Draft, plan: Plan, reason: Reason) -> None:
    draft.conclude(PlanAbandoned(model=plan.model, reason=reason))
    for victim in _draining(draft.state, plan):
        spare(draft, victim.name, Reason(rule="plan.abandoned"))


def _draining(state: State, plan: Plan) -> list[Model]:
    """The victims that could still stay."""
    victims = [state.models[name] for name in plan.victims]
    return [
        victim for victim in victims if victim.state is ModelState.DRAINING and victim.plan == plan.position
    ]


def _flaw(state: State, plan: Plan) -> Reason | None:
    """Why a plan should not be carried out any more; None when it should."""
    tests = Comparisons()
    waiting = sum(request.model == plan.model for request in state.waiting())
    if not tests.hold("waiting requests", waiting, ">", 0):
        return Reason(rule="plan.unwanted", tests=tests.tests)
    model = state.models[plan.model]
    loadable = ModelState.SLEEPING if model.state is ModelState.SLEEPING else ModelState.ABSENT
    if not tests.hold("model_state", model.state.value, "==", loadable.value):
        return Reason(rule="plan.needless", tests=tests.tests)
    if _outdated(state, plan, model, tests):
        return Reason(rule="plan.outdated", tests=tests.tests)
    pinned = sum(state.host.pinned(victim.name) for victim in _draining(state, plan))
    if not tests.hold("pinned victims", pinned, "==", 0):
        return Reason(rule="plan.pinned", tests=tests.tests)
    if _idle_would_do(state, plan, model, tests):
        return Reason(rule="plan.better", tests=tests.tests)
    return None


def _outdated(state: State, plan: Plan, model: Model, tests: Comparisons) -> bool:
    """Whether the model is expected to take something else by now."""
    need = ledger.need(state, model.description) if model.description else {}
    same = [
        tests.hold(f"need {resource}", need.get(resource, 0), "==", plan.need.get(resource, 0))
        for resource in {**plan.need, **need}
    ]
    return not all(same)


def _idle_would_do(state: State, plan: Plan, model: Model, tests: Comparisons) -> bool:
    """Whether the plan waits for models in use, and by now there is room without waiting for any."""
    in_use = sum(bool(victim.leases) for victim in _draining(state, plan))
    if not in_use or not model.description:
        return False
    undone = _undone(state, plan)
    first = next(request for request in line(undone) if request.model == plan.model)
    match admit(undone, first, model.description):
        case Fits():
            otherwise = 0
        case Evict(victims=victims):
            otherwise = sum(bool(state.models[name].leases) for name in victims)
        case _:
            return False
    tests.hold("victims in use", in_use, ">", 0)
    return tests.hold("victims in use otherwise", otherwise, "==", 0)


def _undone(state: State, plan: Plan) -> State:
    """The state as it would be had the plan been given up."""
    staying = {
        victim.name: replace(victim, state=ModelState.READY, motive=None, plan=None)
        for victim in _draining(state, plan)
    }
    plans = {name: other for name, other in state.plans.items() if other is not plan}
    return replace(state, plans=plans, models={**state.models, **staying})
