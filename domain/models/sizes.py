"""What models were seen to take."""

from ..copying import replace
from ..state import State, with_model
from . import ledger
from .eviction import Amounts
from .values import Description, Residency


def identify(description: Description | None, residency: Residency) -> str:
    """What a model was loaded as that somebody else loaded; empty when it is not as described."""
    if description is None:
        return ""
    described = description.digest, description.context_tokens, description.slots
    found = residency.digest, residency.context_tokens, residency.slots
    return ledger.identity(description) if found == described else ""


def measured(state: State, name: str, memory: Amounts, provenance: str) -> State:
    """Count a model with the most that its like was seen to take, and expect that of the next load.

    A model grows after its load, with its first prompts, and pages that were swapped out come back.
    """
    model = state.models[name]
    most = dict(state.measured.get(model.identity, {}))
    for device, size in memory.items():
        most[device] = max(size, most.get(device, 0))
    counted = replace(model, memory=most, provenance=f"measured ({provenance})")
    if not model.identity:
        return with_model(state, counted)
    return with_model(state, counted, measured={**state.measured, model.identity: most})
