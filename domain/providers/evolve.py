"""How events about providers change the state."""

from collections.abc import Callable

from ..copying import replace
from ..events import Body, Event
from ..state import State
from .events import ProviderObserved
from .state import Provider


def _observed(state: State, body: ProviderObserved, event: Event) -> State:
    before = state.providers.get(body.provider)
    returned_at = before.returned_at if before else 0
    if before and body.reachable and not before.reachable:
        returned_at = event.at
    seen = Provider(
        name=body.provider,
        reachable=body.reachable,
        since=event.at,
        version=body.engine,
        capabilities=body.capabilities,
        position=event.position,
        code=body.code,
        cause=body.cause_text,
        max_loaded=body.max_loaded,
        returned_at=returned_at,
    )
    return replace(state, providers={**state.providers, body.provider: seen})


EVOLVE: dict[type[Body], Callable[..., State]] = {ProviderObserved: _observed}
