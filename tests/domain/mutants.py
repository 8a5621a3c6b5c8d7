"""Faults that could have been made in the rules, each planted over the right one."""

# A fault sits inside a rule, in what is nobody else's business.
# pyright: reportPrivateUsage=false

from collections.abc import Callable
from itertools import count
from types import SimpleNamespace

import pytest

from bursar.domain import kernel
from bursar.domain.draft import Draft
from bursar.domain.events import Body, Event
from bursar.domain.models import admission, candidates, ledger, plans, schedule
from bursar.domain.models.candidates import Reach
from bursar.domain.models.events import ModelLost, ModelUnloadStarted
from bursar.domain.models.eviction import Amounts
from bursar.domain.models.machine import LEAVING, ModelState
from bursar.domain.models.state import Model, Plan
from bursar.domain.reasons import Reason
from bursar.domain.requests.events import LeaseGranted
from bursar.domain.requests.state import Request
from bursar.domain.state import State, with_model
from bursar.testing import worlds

Plant = Callable[[pytest.MonkeyPatch], None]


def eviction_ignores_leases(patch: pytest.MonkeyPatch) -> None:
    """Models in use are taken for idle."""

    def wanted(_model: Model, queued: int, _reach: Reach) -> str | None:
        return f"queued={queued}" if queued else None

    patch.setattr(candidates, "_wanted", wanted)


def eviction_ignores_the_queue(patch: pytest.MonkeyPatch) -> None:
    """Models that somebody waits for are taken for unwanted."""

    def queued(_state: State, _before: Request | None) -> dict[str, int]:
        return {}

    patch.setattr(candidates, "_queued", queued)


def eviction_ignores_pins(patch: pytest.MonkeyPatch) -> None:
    """Pinned models are evicted like others."""

    def rooted(_state: State, model: Model) -> str | None:
        return "moving" if model.state is ModelState.LOADING or model.state in LEAVING else None

    patch.setattr(candidates, "rooted", rooted)


def admission_ignores_plans(patch: pytest.MonkeyPatch) -> None:
    """Room that is being made for one model is given to another as well."""

    def uncommitted(state: State) -> Amounts:
        staying = ledger.total(
            ledger.takes(state, model) for model in state.resident() if model.state not in LEAVING
        )
        return {name: limit - staying.get(name, 0) for name, limit in ledger.ceilings(state).items()}

    forgetful = SimpleNamespace(**{**vars(ledger), "uncommitted": uncommitted})
    patch.setattr(admission, "ledger", forgetful)


def younger_plans_take_what_older_ones_wait_for(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes first when memory becomes free has it."""

    def available(state: State, _plan: Plan | None = None) -> Amounts:
        taken = ledger.total(ledger.takes(state, model) for model in state.resident())
        return {name: limit - taken.get(name, 0) for name, limit in ledger.ceilings(state).items()}

    greedy = SimpleNamespace(**{**vars(ledger), "available": available})
    patch.setattr(plans, "ledger", greedy)
    patch.setattr(admission, "ledger", greedy)


def plans_are_never_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    """Room is made even when nobody wants it any more."""

    def review(_draft: Draft) -> None:
        pass

    patch.setattr(schedule, "review_plans", review)


def models_are_unloaded_without_being_drained(patch: pytest.MonkeyPatch) -> None:
    """Whoever still holds a model that leaves is cut short."""

    def unload(draft: Draft) -> None:
        for model in tuple(draft.state.models.values()):
            if model.state is ModelState.DRAINING:
                reason = Reason(rule="unload.drained")
                draft.conclude(
                    ModelUnloadStarted(model=model.name, motive="evicted", plan=model.plan, reason=reason)
                )

    patch.setattr(schedule, "unload_drained", unload)


def draining_models_take_new_leases(patch: pytest.MonkeyPatch) -> None:
    """A model that is in memory serves whoever comes."""
    serve = schedule._serve

    def served(draft: Draft, request: Request, barred: dict[str, int]) -> Reason | None:
        if draft.state.models[request.model].state is not ModelState.DRAINING:
            return serve(draft, request, barred)
        reason = Reason(rule="lease.grant")
        draft.conclude(
            LeaseGranted(request=request.position, model=request.model, waited_ms=0, reason=reason)
        )
        return None

    patch.setattr(schedule, "_serve", served)


def nobody_bars_the_way(patch: pytest.MonkeyPatch) -> None:
    """Requests are served past somebody who waited too long already."""

    def barrier(_state: State, _request: Request, _barred: dict[str, int]) -> None:
        pass

    patch.setattr(schedule, "_barrier", barrier)


def no_budget_is_ever_spent(patch: pytest.MonkeyPatch) -> None:
    """However long somebody is overtaken, it changes nothing."""

    def overdue(_state: State, _request: Request) -> bool:
        return False

    for module in (admission, schedule):
        patch.setattr(module, "overdue", overdue)


def leases_of_lost_models_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The state drops them before anybody hears that they are void."""
    evolve = kernel.EVOLVE[ModelLost]

    def lost(state: State, body: ModelLost, event: Event) -> State:
        gone = evolve(state, body, event)
        model = gone.models[body.model]
        return with_model(gone, Model(name=model.name, state=model.state, description=model.description))

    evolving: dict[type[Body], Callable[..., State]] = {**kernel.EVOLVE, ModelLost: lost}
    patch.setattr(kernel, "EVOLVE", evolving)


def decisions_depend_on_something_hidden(patch: pytest.MonkeyPatch) -> None:
    """The same fact on the same state gives something else the second time."""
    numbers = count()
    grant = schedule._grant

    def granted(draft: Draft, request: Request, model: Model) -> Reason | None:
        return grant(draft, request, model) if next(numbers) % 2 else Reason(rule="queue.chance")

    patch.setattr(schedule, "_grant", granted)


def timers_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Nothing happens by the passing of time."""

    def next_wakeup(_state: State, _after: int = 0) -> None:
        pass

    patch.setattr(worlds, "next_wakeup", next_wakeup)
