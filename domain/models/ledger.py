"""The memory ledger: what each model takes, what is free, and how much there could ever be.

Amounts are by resource: bytes for a device, and a count for `models`, so that the limit on how many may be
loaded is one more thing that can be short. A resource without a ceiling is not limited.
"""

from collections.abc import Iterable

from ..providers.names import provider_of
from ..state import State
from .abilities import abilities, way_out
from .eviction import Amounts
from .expected import expected
from .machine import LEAVING, ModelState
from .state import Model, Plan
from .values import RAM, Description

#: The resource that `limits.max_models_loaded` limits.
MODELS = "models"
#: Before a provider's name: the resource of which it has as much as it was seen to hold models at once.
MODELS_OF = "models of "


def is_count(resource: str) -> bool:
    """Whether its unit is models, and not bytes."""
    return resource == MODELS or resource.startswith(MODELS_OF)


def expected_memory(state: State, description: Description) -> tuple[Amounts, str]:
    """Bytes by device that are set aside for a load, and where the figure comes from.

    Never more than there could be of a device as long as the model will likely fit: it would be refused for
    caution, never loaded, and so never measured.
    """
    found = expected(state, description)
    if found.memory == found.likeliest:
        return found.memory, found.provenance
    limits = ceilings(state)
    return {
        device: max(found.likeliest[device], min(size, limits.get(device, size)))
        for device, size in found.memory.items()
    }, found.provenance


def need(state: State, description: Description) -> Amounts:
    """What loading a model takes of every resource, or waking it when it sleeps.

    Nothing where its provider cannot load: it is there, or it is not.
    """
    model = state.models.get(description.model)
    asleep = model is not None and model.state is ModelState.SLEEPING
    counted = _one(state, description.model) if abilities(state, description.model).load else {}
    if not counted and not asleep:
        return {}
    memory = expected_memory(state, description)[0]
    if model and asleep:
        memory = {device: max(0, size - model.memory.get(device, 0)) for device, size in memory.items()}
    return {**counted, **memory}


def takes(state: State, model: Model) -> Amounts:
    """What a resident model takes of every resource: one that is ours and serves counts as one."""
    if model.assumed or model.state is ModelState.SLEEPING:
        return model.memory
    return {**_one(state, model.name), **model.memory}


def _one(state: State, model: str) -> Amounts:
    """One model, and one of its provider's where that holds only so many."""
    provider = state.providers.get(provider_of(model))
    if provider is None or provider.max_loaded is None:
        return {MODELS: 1}
    return {MODELS: 1, f"{MODELS_OF}{provider.name}": 1}


def frees(state: State, model: Model) -> Amounts:
    """What a resident model gives back by leaving."""
    kept = keeps(state, model)
    return {
        resource: max(0, amount - kept.get(resource, 0)) for resource, amount in takes(state, model).items()
    }


def keeps(state: State, model: Model) -> Amounts:
    """What a resident model still takes when it has left: nothing, unless it can only be put to sleep.

    That is known once it has slept; until then it is taken to give back everything, or it would never sleep.
    """
    return (model.asleep or {}) if way_out(state, model) == "sleep" else {}


def ceilings(state: State) -> Amounts:
    """The most that models may take of each resource, other processes' memory already set aside."""
    limits = state.host.settings.limits
    found: Amounts = {MODELS: limits.max_models_loaded}
    for provider in state.providers.values():
        if provider.max_loaded is not None:
            found[f"{MODELS_OF}{provider.name}"] = provider.max_loaded
    for device in state.host.reading.devices if state.host.reading else ():
        allowed = device.total_bytes * limits.memory_threshold_per_mille // 1000
        found[device.device] = max(0, allowed - state.host.other.get(device.device, 0))
    if limits.memory_bytes is not None:
        found[RAM] = min(limits.memory_bytes, found.get(RAM, limits.memory_bytes))
    return found


def pinned(state: State) -> list[Model]:
    """Models that stay and may never be evicted."""
    return [
        model for model in state.resident() if model.state not in LEAVING and state.host.pinned(model.name)
    ]


def immovable(state: State) -> Amounts:
    """What models take for ever: those nobody can move, and those that can only sleep, even asleep."""
    return total(
        takes(state, model) if _is_stuck(state, model) else keeps(state, model) for model in state.resident()
    )


def _is_stuck(state: State, model: Model) -> bool:
    """Whether it can never give back more; one that its provider loads and cannot unload may go by itself."""
    return (model.assumed or model.state is ModelState.SLEEPING) and way_out(state, model) is None


def uncommitted(state: State) -> Amounts:
    """What is left of each ceiling when the leaving have left and each plan has its room; may be negative."""
    staying = total(
        keeps(state, model) if model.state in LEAVING else takes(state, model) for model in state.resident()
    )
    planned = total(plan.need for plan in state.plans.values())
    return _left(ceilings(state), staying, planned)


def available(state: State, plan: Plan | None = None) -> Amounts:
    """What is free at this moment, the leaving still counted, and not waited for by a plan.

    With `plan`, by no plan older than that. May be negative.
    """
    claims = [
        _claim(state, other)
        for other in state.plans.values()
        if plan is None or other.position < plan.position
    ]
    return _left(ceilings(state), total(takes(state, model) for model in state.resident()), *claims)


def _claim(state: State, plan: Plan) -> Amounts:
    """The part of a plan's need that its own victims do not bring any more: they left it, or it was free."""
    coming = total(
        frees(state, model)
        for model in state.resident()
        if model.state in LEAVING and model.plan == plan.position
    )
    return {resource: max(0, amount - coming.get(resource, 0)) for resource, amount in plan.need.items()}


def total(parts: Iterable[Amounts]) -> Amounts:
    """Sum by resource."""
    found: Amounts = {}
    for part in parts:
        for resource, amount in part.items():
            found[resource] = found.get(resource, 0) + amount
    return found


def _left(limits: Amounts, *taken: Amounts) -> Amounts:
    return {
        resource: limit - sum(amounts.get(resource, 0) for amounts in taken)
        for resource, limit in limits.items()
    }
