"""What models were seen to take, and how the ledger follows."""

from ..copying import replace
from ..state import State, with_model
from .calibration import LOADS, identity, largest, learnt
from .eviction import Amounts
from .expected import expected
from .state import Model
from .values import Description, Residency


def identify(description: Description | None, residency: Residency) -> str:
    """What a model was loaded as that somebody else loaded; empty when it is not as described."""
    if description is None:
        return ""
    described = description.digest, description.context_tokens, description.slots
    found = residency.digest, residency.context_tokens, residency.slots
    return identity(description) if found == described else ""


def as_chosen(described: Description, window_tokens: int) -> Description:
    """A model as it is loaded: with a window that was chosen, where that is more than its provider's own."""
    tokens = min(window_tokens, described.most_context_tokens)
    if tokens <= described.context_tokens:
        return described
    return described.model_copy(update={"context_tokens": tokens})


def choose_window(state: State, name: str, tokens: int, *, failed_tokens: int | None) -> State:
    """The state in which a model's next load has such a window; with one that could not be had, if any."""
    model = state.models[name]
    described = model.described
    chosen = replace(
        model,
        window_tokens=tokens,
        description=as_chosen(described, tokens) if described else None,
        failed_tokens=model.failed_tokens if failed_tokens is None else failed_tokens,
    )
    return with_model(state, chosen)


def measured(
    state: State, name: str, memory: Amounts, provenance: str, *, again: bool = False, learn: bool = True
) -> State:
    """Count a model with the most that its like was seen to take lately, and expect that of the next load.

    A model grows after its load, with its first prompts, and pages that were swapped out come back: `again`
    when it is the same load that is measured once more. `learn` is false for what is no whole load.
    """
    model = state.models[name]
    if not memory:
        return _unmeasured(state, model)
    memory = corrected(state, model, memory)
    provenance = f"measured ({provenance})"
    description = model.description
    if description is None or not learn or model.identity != identity(description):
        most = _most_of_its_like(state, model, memory, again=again) if learn else memory
        return with_model(state, replace(model, memory=most, provenance=provenance))
    calibration = learnt(state.calibration, description, memory, again=again)
    most = largest(calibration.measured[model.identity])
    counted = replace(model, memory=most, provenance=provenance)
    return with_model(state, counted, calibration=calibration)


def corrected(state: State, model: Model, memory: Amounts) -> Amounts:
    """What a provider reports, and what is added to it since it was noticed to report too little."""
    added = state.calibration.added.get(model.description.engine, 0) if model.description else 0
    return {device: size * (1000 + added) // 1000 for device, size in memory.items()} if added else memory


def _most_of_its_like(state: State, model: Model, memory: Amounts, *, again: bool) -> Amounts:
    """Of a model that is not, or not any more, as it is described."""
    loads = state.calibration.measured.get(model.identity, ())[-LOADS:]
    return largest((*loads, *((model.memory,) if again else ()), memory))


def _unmeasured(state: State, model: Model) -> State:
    """Its provider does not say: what was expected is counted. Of one that cannot load, nothing is known."""
    if model.assumed or model.description is None:
        return with_model(state, replace(model, memory={}, provenance="assumed" if model.assumed else ""))
    if model.expected:
        return with_model(state, model)
    found = expected(state, model.description)
    return with_model(state, replace(model, memory=found.likeliest, provenance=found.provenance))
