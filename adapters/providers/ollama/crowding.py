"""How many models an Ollama holds at once: it does not tell, and shows it by what its loads displace.

Without a graphics card 0.12 lets all others go for each load, whatever there is of memory, and any version
holds no more than its OLLAMA_MAX_LOADED_MODELS.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

#: One may have been somebody's hand, or a process that died.
_EVIDENCE = 2
#: It may be configured anew, and room that one large model took may be free again.
_LAPSE_S = 3600.0


@dataclass(slots=True)
class Crowding:
    """Counts loads that displaced models which were to stay."""

    clock: Callable[[], float] = time.monotonic
    #: How many there were after each of them at most.
    _left: int = 0
    _times: int = 0
    _last: float = 0.0

    @property
    def limit(self) -> int | None:
        """How many it holds at once, once that is certain enough; None while nothing says so."""
        fresh = self.clock() - self._last < _LAPSE_S
        return self._left if fresh and self._times >= _EVIDENCE else None

    @property
    def suspected(self) -> bool:
        """Whether a load displaced others lately."""
        return self._times > 0 and self.clock() - self._last < _LAPSE_S

    def displaced(self, left: int) -> None:
        """A load displaced others, and so many are there now, itself included."""
        if self.clock() - self._last >= _LAPSE_S:
            self._left = self._times = 0
        self._left = max(self._left, left)
        self._times += 1
        self._last = self.clock()

    def held(self, count: int) -> None:
        """So many are there at once: more than believed refutes it."""
        if count > self._left:
            self._left = self._times = 0
