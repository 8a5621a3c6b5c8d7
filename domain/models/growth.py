"""What is told of a model in memory that is not as it was expected to be."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from .events import ContextShrunk, EstimateExceeded
from .sizes import corrected
from .values import Residency


def tell_excess(draft: Draft, name: str, residency: Residency) -> None:
    """It takes more of a device than was set aside. The ledger has it, and admission sees what is left.

    As much as the dead band of a reading does not count: the same load never takes the same to the byte.
    """
    model = draft.state.models[name]
    band = draft.state.host.settings.sampling.dead_band_per_mille
    memory = corrected(draft.state, model, residency.memory)
    tests = Comparisons()
    within = [
        tests.hold(f"measured {device}", size, "<=", model.expected.get(device, 0) * (1000 + band) // 1000)
        for device, size in memory.items()
    ]
    if model.expected and not all(within):
        draft.conclude(
            EstimateExceeded(
                model=name,
                expected=model.expected,
                measured=memory,
                reason=Reason(rule="memory.exceeded", tests=tests.tests),
            )
        )


def tell_shrunk(draft: Draft, name: str, residency: Residency) -> None:
    """Its window is smaller than was asked for."""
    description = draft.state.models[name].description
    tests = Comparisons()
    if description is None or not tests.hold("granted_tokens", residency.context_tokens, ">", 0):
        return
    if tests.hold("granted_tokens", residency.context_tokens, "<", description.context_tokens):
        draft.conclude(
            ContextShrunk(
                model=name,
                asked=description.context_tokens,
                granted=residency.context_tokens,
                reason=Reason(rule="context.shrunk", tests=tests.tests),
            )
        )
