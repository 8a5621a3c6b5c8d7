"""Users' callbacks on committed events."""

from collections.abc import Callable

from .adapters.logs import get_logger
from .domain.errors import NoSuchEvent
from .domain.events import Body, Event
from .domain.registry import REGISTRY

_log = get_logger("bursar.listeners")

_NAMES = {name for name, _version in REGISTRY}

#: What the documents call otherwise than the journal does.
_DOCUMENTS = {
    "workingMemoryOptimized": "WorkingMemoryReduced",
    "compressionMetrics": "ContextCompressed",
    "compressionStatus": "ContextCompressed",
}


class Subscription:
    """A callback that is called until it is cancelled."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel

    def cancel(self) -> None:
        """Call back no more."""
        self._cancel()


class Listeners:
    """Passes committed events on to callbacks; what one raises is logged and concerns nobody else."""

    def __init__(self) -> None:
        self._callbacks: dict[Subscription, tuple[str | None, Callable[[Event], object]]] = {}

    def add(self, event: type[Body] | str | None, callback: Callable[[Event], object]) -> Subscription:
        """Call back for events of a type, given by class or name; None for all."""
        name = event if isinstance(event, str) or event is None else event.name
        if name is not None:
            # The documents' names begin with a small letter.
            recorded = _DOCUMENTS.get(name, name[:1].upper() + name[1:])
            if recorded not in _NAMES:
                raise NoSuchEvent(name=name)
            name = recorded
        subscription = Subscription(lambda: self._callbacks.pop(subscription, None) and None)
        self._callbacks[subscription] = (name, callback)
        return subscription

    def hear(self, event: Event) -> None:
        """Call whoever wants to know."""
        for name, callback in tuple(self._callbacks.values()):
            if name is None or name == event.body.name:
                try:
                    callback(event)
                except Exception:  # noqa: BLE001 - it is the user's, and must not stop the engine
                    _log.exception("a callback failed", event_name=event.body.name, position=event.position)
