"""The order in which waiting requests are served, and the bound on overtaking.

A request may be served ahead of one that came earlier: its model is in memory, or it is more urgent. The
earlier one's budget runs from the first time that happens; once it is spent, it goes to the front and
nothing may be served that stands in its way.
"""

from ..models.machine import LOADABLE
from ..state import State
from .state import Request

NS_PER_MS = 1_000_000


def line(state: State) -> list[Request]:
    """Waiting requests in the order they are served: the overdue by arrival, the others by priority first."""

    def rank(request: Request) -> tuple[bool, int, int]:
        # Among the overdue priority counts no more: whoever is overdue must be overtaken by a bounded number.
        late = overdue(state, request)
        return not late, 0 if late else -request.priority, request.position

    return sorted(state.waiting(), key=rank)


def overtaken_ms(state: State, request: Request) -> int:
    """How long later requests have been served ahead of this one."""
    return 0 if request.overtaken_since is None else (state.at - request.overtaken_since) // NS_PER_MS


def overdue(state: State, request: Request) -> bool:
    """Whether its overtake budget is spent; a budget of nothing is spent from the start."""
    return overtaken_ms(state, request) >= state.host.settings.limits.overtake_budget_ms


def passed(state: State, request: int, model: str) -> list[Request]:
    """Earlier requests that serving `request` on `model` is served ahead of.

    Those whose model is not in memory and who got no room yet, and those waiting for a slot of the same
    model. Whoever waits for a load, or behind the load that displaced its model, is not passed.
    """
    return [
        other
        for other in state.waiting()
        if other.position < request and (other.model == model or lacks_room(state, other))
    ]


def lacks_room(state: State, request: Request) -> bool:
    """Whether it waits for room: its model is not in memory and no room is being made for it."""
    model = state.models.get(request.model)
    return (
        request.waiting and model is not None and model.state in LOADABLE and request.model not in state.plans
    )
