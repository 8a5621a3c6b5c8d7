"""What the parts of the shell share."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakValueDictionary

from ..counting import Counter
from ..domain.contexts.settings import Specialisation
from ..domain.contexts.state import Context
from ..domain.state import State
from ..engine.engine import Engine
from ..providers import Directory
from .asking import named
from .texts import Texts
from .vault import Vault

T = TypeVar("T")

#: Has a context that is packed, or under way, be as it was; returns once it can be gone on with.
Wake = Callable[[str], Awaitable[None]]


class Desks:
    """One after another for each context, in the order in which they came."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def at(self, context: str) -> AsyncGenerator[None, None]:
        """Nobody else changes what is in a context during the block."""
        lock = self._locks.get(context)
        if lock is None:
            lock = self._locks[context] = asyncio.Lock()
        async with lock:
            yield


class Scorer:
    """A thread for what takes long because texts are long; one thing after another."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bursar scoring")

    async def do(self, work: Callable[[], T]) -> T:
        """What some work comes to."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Kit:
    """The tools of the shell."""

    engine: Engine
    directory: Directory
    vault: Vault
    texts: Texts
    counter: Counter
    scorer: Scorer = field(default_factory=Scorer)
    desks: Desks = field(default_factory=Desks)

    @property
    def state(self) -> State:
        """The live state."""
        return self.engine.state

    def profile(self, agent: str) -> Specialisation:
        """What an agent works on, by the settings."""
        known = self.engine.state.host.settings.agents.get(agent)
        return known.specialisation if known else "general"

    def context(self, name: str) -> Context:
        """A context by its name. Raises NoSuchContext."""
        return named(self.engine.state, name)
