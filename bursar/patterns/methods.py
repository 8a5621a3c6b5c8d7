"""What users call: the manager's methods for patterns."""

from typing import get_args

from ..domain.errors import InvalidPattern
from ..domain.patterns.events import PatternKind
from .shelf import PatternShelf
from .values import Pattern, PatternRow, checked_name, encoded, per_mille


class PatternMethods:
    """Mixed into the manager."""

    _patterns: PatternShelf

    def _require_open(self) -> None:
        raise NotImplementedError

    async def store_pattern(
        self, name: str, text: str, *, sort: PatternKind = "prompt", importance: float = 0.5, agent: str = ""
    ) -> None:
        """Keep a prompt or a result under a name, in the place of what was stored under it.

        `importance` is from 0 to 1. Others may be given up for it, as `patterns` in the settings says.
        Raises `InvalidPattern`, `PatternLimitExceeded`.
        """
        self._require_open()
        name, body, thousandths = checked_name(name), encoded(text), per_mille(importance)
        if sort not in get_args(PatternKind):
            raise InvalidPattern(field="sort", problem="is neither prompt nor result", given=repr(sort))
        await self._patterns.store(name, body, sort, thousandths, agent)

    async def pattern(self, name: str) -> Pattern | None:
        """A pattern with its text; None when there is none. It counts as a use."""
        self._require_open()
        return await self._patterns.get(name)

    def patterns(self, sort: PatternKind | None = None, agent: str | None = None) -> list[PatternRow]:
        """The patterns that are kept, by name; of one sort or one agent, if so wished."""
        return self._patterns.rows(sort, agent)

    async def find_patterns(
        self, query: str, *, limit: int = 10, sort: PatternKind | None = None, agent: str | None = None
    ) -> list[PatternRow]:
        """Patterns whose texts match some words, the best first; none that has nothing of them."""
        self._require_open()
        return await self._patterns.find(query, limit, sort, agent)

    async def remove_pattern(self, name: str) -> bool:
        """Keep a pattern no more, and delete its text; whether there was one."""
        self._require_open()
        return await self._patterns.remove(name)
