"""How often patterns are used, told to the rules now and then: not every use is worth a row.

A crash loses what was not told yet: at most `MANY` uses, or those of `EVERY_S` seconds.
"""

import asyncio
from collections import Counter
from contextlib import suppress

from ..domain.errors import BursarError
from ..domain.patterns.events import PatternsUsed
from ..engine.engine import Engine

MANY = 64
EVERY_S = 30.0


class Uses:
    """Those that were not recorded yet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counted: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, pattern: str) -> None:
        """One more."""
        self._counted[pattern] += 1
        if self._counted.total() >= MANY:
            self.tell()
        elif self._timer is None:
            # A pattern that is used all the time must not look unused to the rules.
            max_age_s = self._engine.state.host.settings.patterns.max_age_ms / 1000
            self._timer = asyncio.get_running_loop().call_later(min(EVERY_S, max_age_s / 2), self.tell)

    def of(self, pattern: str) -> int:
        """How many of one were not recorded yet."""
        return self._counted[pattern]

    def tell(self) -> "asyncio.Future[int] | None":
        """Record them; returns the future of that."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        kept = self._engine.state.patterns.named
        uses = {name: uses for name, uses in sorted(self._counted.items()) if name in kept}
        self._counted.clear()
        if uses:
            # The engine may have stopped: then nothing can be recorded any more.
            with suppress(BursarError):
                return self._engine.submit(PatternsUsed(uses=uses)).committed
        return None
