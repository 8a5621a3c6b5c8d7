"""What is known of a provider's breaker."""

from dataclasses import dataclass, field

from .machine import BreakerState
from .paces import Pace
from .windows import Window


@dataclass(frozen=True)
class Breaker:
    """One provider's breaker, and what else keeps calls from it. Times in UTC nanoseconds."""

    provider: str
    state: BreakerState = BreakerState.CLOSED
    #: When it entered that state, and the position of the decision; 0 when it has always been in it.
    since: int = 0
    position: int = 0
    #: When time alone moves it on; 0 when it does not.
    until: int = 0
    #: Times that it has opened without having closed in between.
    opened: int = 0
    #: An operator brought it where it is.
    by_hand: bool = False
    #: Why it opened, in words.
    cause: str = ""
    window: Window = Window()
    #: Calls under way that were let through half open: requests that hold a lease, and loads, by position.
    probes: tuple[int, ...] = ()
    #: Position of the last event that was counted.
    called: int = 0
    #: Failures in a row, and the code of the last one.
    failures: int = 0
    failure: str = ""
    #: It is not to be asked before then, and how often in a row it has said so.
    busy_until: int = 0
    busy: int = 0
    #: Requests it may serve at once, in per-mille and as it was announced; 0 and None leave it to the slots.
    estimate: int = 0
    limit: int | None = None
    #: By model.
    paces: dict[str, Pace] = field(default_factory=dict[str, Pace])
    #: When each recovery procedure was last begun.
    procedures: dict[str, int] = field(default_factory=dict[str, int])
