"""How far an operator's wish for free memory has come."""

from ..copying import replace
from ..state import State
from . import ledger
from .eviction import Amounts
from .leaving import may_drain
from .state import Freeing


def wished(state: State) -> State:
    """Every model that nobody uses is to leave, besides those that are leaving by an earlier wish."""
    waiting = {request.model for request in state.waiting()}
    idle = tuple(
        model.name
        for model in state.models.values()
        if may_drain(state, model)
        and not model.leases
        and not state.host.pinned(model.name)
        and model.name not in waiting
    )
    before = state.freeing or Freeing(models=(), pending=(), freed={})
    models = tuple(dict.fromkeys((*before.models, *idle)))
    return replace(state, freeing=replace(before, models=models, pending=(*before.pending, *idle)))


def gone(state: State, model: str, memory: Amounts) -> State:
    """One of them is gone and has freed `memory`, or will not go."""
    freeing = state.freeing
    if freeing is None or model not in freeing.pending:
        return state
    return replace(
        state,
        freeing=replace(
            freeing,
            pending=tuple(name for name in freeing.pending if name != model),
            freed=ledger.total((freeing.freed, memory)),
        ),
    )
