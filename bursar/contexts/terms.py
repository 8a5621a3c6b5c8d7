"""On which terms a context is held: its model's window, and what of it is kept free."""

from typing import NamedTuple

from ..adapters.logs import get_logger
from ..domain.errors import ProviderBusy, ProviderTimeout, ProviderUnavailable
from ..domain.events import Event
from ..domain.models.events import ModelFound, ModelLoaded, ModelWoken, ResidencyChanged
from ..domain.models.machine import LEAVING
from ..domain.models.sizes import as_chosen
from ..domain.models.values import Description, Residency
from ..engine.engine import Engine
from ..providers import Target

#: How a window is known that a model really has.
IN_MEMORY = "in memory"
#: Tokens of a model's window where nobody says what it is; a common default of servers.
ASSUMED_TOKENS = 4096
#: Of a window, so much is kept free for the answer at most when nobody says.
_RESERVE_SHARE = 4

_log = get_logger("bursar.contexts")


class Window(NamedTuple):
    """What one conversation may have of a model."""

    tokens: int
    #: How we know: `in memory`, `description`, `assumed`.
    provenance: str


class Arrival(NamedTuple):
    """A model that is in memory, and what one conversation may have of it."""

    model: str
    tokens: int


async def window_of(engine: Engine, target: Target) -> Window:
    """The window of a model for one conversation. Raises what its provider raises of an unknown model."""
    known = engine.state.models.get(target.id)
    if known is not None and known.residency is not None and known.state not in LEAVING:
        real = per_slot(known.residency)
        if real:
            return Window(real, IN_MEMORY)
    description = known.description if known else None
    try:
        description = await target.describe()
    except (ProviderBusy, ProviderTimeout, ProviderUnavailable):
        if description is None:
            raise
    if known is not None and known.window_tokens:
        description = as_chosen(description, known.window_tokens)
    tokens = per_slot(description)
    if tokens:
        return Window(tokens, "description")
    _log.info("its window is not known", model=target.id, assumed_tokens=ASSUMED_TOKENS)
    return Window(ASSUMED_TOKENS, "assumed")


def per_slot(model: Description | Residency) -> int:
    """Tokens that one conversation may have; 0 where it is not known."""
    return model.context_tokens // max(model.slots, 1)


def default_reserve(engine: Engine, window_tokens: int) -> int:
    """What is kept free for the answer when nobody says: not most of a small window."""
    return min(engine.state.host.settings.context.reserve_tokens, window_tokens // _RESERVE_SHARE)


def arrival(event: Event) -> Arrival | None:
    """The window that a model really has, where an event says so."""
    body = event.body
    if not isinstance(body, (ModelLoaded, ModelFound, ModelWoken, ResidencyChanged)):
        return None
    tokens = per_slot(body.residency)
    return Arrival(body.model, tokens) if tokens else None
