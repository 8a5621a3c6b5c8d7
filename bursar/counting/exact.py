"""Counting with the model's own vocabulary: the provider's, or one on this machine."""

import asyncio
from collections.abc import Callable, Sequence

from ..domain.state import State
from ..providers import Target
from .asking import Asking
from .local import Local, Locals
from .remembered import Remembered
from .texts import digest
from .turns import Turns

#: Texts of which is remembered how many tokens they have: some 20 MB at most.
_REMEMBERED = 1 << 16
#: Characters that are counted before others have their turn: some milliseconds.
_AT_ONCE = 1 << 12
#: Characters of several texts that both have to count alike for the provider to be asked no more.
_TRIED = 4000


class Exact:
    """Counts texts for models, each once.

    A provider is asked as long as there is nothing else. A vocabulary on this machine is tried beside it:
    once both have agreed on enough, it counts alone, without a request for each text; and where they
    differ once, it is not used again.
    """

    def __init__(self, state: Callable[[], State], now: Callable[[], int]) -> None:
        self._state = state
        self._asking, self._locals = Asking(now), Locals()
        self._known: Remembered[tuple[str, str, bytes], int] = Remembered(_REMEMBERED)
        #: Characters on which both agreed, by model.
        self._tried: dict[str, int] = {}

    def by(self, target: Target) -> str:
        """Who would count now; empty for nobody, as far as is known without reading a file."""
        local = self._locals.ready(target.id)
        if self._offered(target) and not self._trusted(target):
            return "provider"
        return local.by if local else ""

    def local(self, target: Target) -> Local | None:
        """The vocabulary, if it was read already."""
        return self._locals.ready(target.id)

    async def counts(self, target: Target, texts: Sequence[str]) -> tuple[list[int], str] | None:
        """The tokens of each text, and who counted them; None where nobody can."""
        if self._offered(target) and not self._trusted(target):
            new = [place for place, text in enumerate(texts) if self._known.get(_asked(target, text)) is None]
            answers = await asyncio.gather(*(self._ask(target, text) for text in texts))
            found = [tokens for tokens in answers if tokens is not None]
            if len(found) == len(texts):
                await self._compare(target, [texts[place] for place in new], [found[place] for place in new])
                return found, "provider"
        local = await self._locals.find(target)
        return None if local is None else (await self._count(target, local, texts), local.by)

    def _offered(self, target: Target) -> bool:
        return self._asking.offered(target, self._state())

    def _trusted(self, target: Target) -> bool:
        return self._tried.get(target.id, 0) >= _TRIED and self._locals.ready(target.id) is not None

    async def _ask(self, target: Target, text: str) -> int | None:
        key = _asked(target, text)
        tokens = self._known.get(key)
        if tokens is None:
            tokens = await self._asking.count(target, text) if text else 0
            if tokens is not None:
                self._known.put(key, tokens)
        return tokens

    async def _compare(self, target: Target, texts: Sequence[str], found: Sequence[int]) -> None:
        """Try the vocabulary, if there is one, on what the provider has just counted."""
        self._locals.begin(target)
        local = self._locals.ready(target.id)
        if local is None:
            return
        if await self._count(target, local, texts) == list(found):
            self._tried[target.id] = self._tried.get(target.id, 0) + sum(map(len, texts))
        else:
            self._locals.drop(target)

    async def _count(self, target: Target, local: Local, texts: Sequence[str]) -> list[int]:
        turns = Turns(_AT_ONCE)
        return [await self._count_one(target, local, text, turns) for text in texts]

    async def _count_one(self, target: Target, local: Local, text: str, turns: Turns) -> int:
        key = (target.id, local.by, digest(text))
        tokens = self._known.get(key)
        if tokens is None:
            tokens = 0
            for characters, more in local.counting(text):
                tokens += more
                await turns.after(characters)
            self._known.put(key, tokens)
        return tokens


def _asked(target: Target, text: str) -> tuple[str, str, bytes]:
    return target.id, "provider", digest(text)
