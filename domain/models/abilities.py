"""What a model's provider can do with it, and what follows from what it cannot."""

from ..providers.names import provider_of
from ..providers.values import Capabilities
from ..state import State
from .events import Leave
from .machine import ModelState
from .state import Model

#: Of a provider that was never observed: the journal is older than that, and its providers could all.
_ALL = Capabilities(load=True, unload=True, measure_memory=True)


def abilities(state: State, model: str) -> Capabilities:
    """What the provider of a model can do, as it was observed last."""
    provider = state.providers.get(provider_of(model))
    return provider.capabilities if provider else _ALL


def way_out(state: State, model: Model) -> Leave | None:
    """How a model can leave memory; None when it cannot. What could not come back is at most put to sleep."""
    can = abilities(state, model.name)
    if can.unload and not model.assumed:
        return "unload"
    return "sleep" if can.sleep and model.state is not ModelState.SLEEPING else None
