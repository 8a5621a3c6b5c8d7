"""The memory ledger: what each model takes, what is free, and how much there could ever be.

Amounts are by resource: bytes for a device, and a count for `models`, so that the limit on how many may be
loaded is one more thing that can be short. A resource without a ceiling is not limited.
"""

from collections.abc import Iterable

from ..state import State
from .eviction import Amounts
from .machine import LEAVING
from .state import Model, Plan
from .values import RAM, Description

#: The resource that `limits.max_models_loaded` limits.
MODELS = "models"


def identity(description: Description) -> str:
    """What a measured size is good for: these weights, this window, this engine."""
    return (
        f"{description.digest}/{description.context_tokens}/{description.slots}"
        f"/{description.engine}/{description.device}"
    )


def expected_memory(state: State, description: Description) -> tuple[Amounts, str]:
    """Bytes by device that a load will take, and where the figure comes from."""
    size = state.host.settings.model_sizes.get(description.model)
    if size is not None:
        return {description.device: size}, "settings"
    measured = state.measured.get(identity(description))
    if measured is not None:
        return measured, "measured"
    return {description.device: description.estimate_bytes}, f"estimate ({description.provenance})"


def need(state: State, description: Description) -> Amounts:
    """What loading a model takes of every resource."""
    return {MODELS: 1, **expected_memory(state, description)[0]}


def takes(model: Model) -> Amounts:
    """What a resident model takes of every resource."""
    return {MODELS: 1, **model.memory}


def ceilings(state: State) -> Amounts:
    """The most that models may take of each resource, other processes' memory already set aside."""
    limits = state.host.settings.limits
    found: Amounts = {MODELS: limits.max_models_loaded}
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


def uncommitted(state: State) -> Amounts:
    """What is left of each ceiling when the leaving have left and each plan has its room; may be negative."""
    staying = total(takes(model) for model in state.resident() if model.state not in LEAVING)
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
    return _left(ceilings(state), total(takes(model) for model in state.resident()), *claims)


def _claim(state: State, plan: Plan) -> Amounts:
    """The part of a plan's need that its own victims do not bring any more: they left it, or it was free."""
    coming = total(
        takes(model) for model in state.resident() if model.state in LEAVING and model.plan == plan.position
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
