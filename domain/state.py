"""The whole state: what every decision is taken from, and what folding the journal rebuilds."""

from dataclasses import dataclass, field

from .contexts.state import Contexts
from .copying import replace
from .counting.state import Counting
from .host.state import Host, Totals
from .models.calibration import Calibration
from .models.machine import RESIDENT
from .models.state import Freeing, Model, Plan
from .patterns.state import Patterns
from .providers.state import Provider
from .requests.state import Request
from .resilience.state import Breaker

#: Bumped whenever a field changes its meaning; an older snapshot is discarded then.
STATE_VERSION = 3


@dataclass(frozen=True)
class State:
    """Immutable; `evolve` returns a new one that shares what did not change."""

    #: Of the last event folded in; 0 before the first.
    position: int = 0
    #: Time of that event, UTC nanoseconds.
    at: int = 0
    host: Host = Host()
    models: dict[str, Model] = field(default_factory=dict[str, Model])
    #: Requests that have not ended, by position.
    requests: dict[int, Request] = field(default_factory=dict[int, Request])
    #: Room being made, by the model it is made for, oldest first.
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    freeing: Freeing | None = None
    calibration: Calibration = Calibration()
    #: Those that were ever observed, by name.
    providers: dict[str, Provider] = field(default_factory=dict[str, Provider])
    #: By provider, once anything was counted.
    breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])
    contexts: Contexts = Contexts()
    counting: Counting = Counting()
    patterns: Patterns = Patterns()
    totals: Totals = Totals()

    def resident(self) -> list[Model]:
        """Models that take memory, in the order they were first heard of."""
        return [model for model in self.models.values() if model.state in RESIDENT]

    def waiting(self) -> list[Request]:
        """Requests without a lease, oldest first."""
        return [request for request in self.requests.values() if request.waiting]


def with_model(state: State, model: Model, **changes: object) -> State:
    """The state with one model replaced, and other fields of it in the same go."""
    return replace(state, models={**state.models, model.name: model}, **changes)  # type: ignore[arg-type]  # names are checked by `replace` itself
