"""A counter over providers that count as they are told to; its engine and its vocabularies are real."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bursar.adapters.providers.base import ProviderBase
from bursar.counting import Counter
from bursar.domain.errors import ProviderUnavailable
from bursar.domain.host.events import ManagerReconciled, ManagerStarted
from bursar.domain.kernel import initial
from bursar.domain.models.events import ModelDescribed, ModelFound
from bursar.domain.models.values import RAM, Description, Residency
from bursar.domain.ports import Message
from bursar.domain.providers.values import Capabilities
from bursar.engine.engine import Engine
from bursar.providers import Directory
from bursar.testing.journal import MemoryJournal
from bursar.testing.simloop import SimLoop, run

STARTED = ManagerStarted(pid=1, host="", code_version="", code_fingerprint="", python="", sqlite="")


class Tokenizing(ProviderBase):
    """Counts by `rule`, remembers what it was asked, and fails when `failing`; `file` is its models' GGUF."""

    def __init__(self, rule: Callable[[str], int] | None = None, file: Path | None = None) -> None:
        super().__init__("p")
        self._rule, self._file = rule, file
        self.asked: list[str] = []
        self.failing = False
        self.busiest = self._busy = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(tokenize=self._rule is not None)

    def model_file(self, model: str) -> str | None:
        return str(self._file) if self._file else None

    async def tokenize(self, model: str, text: str) -> tuple[int, ...]:
        self.asked.append(text)
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        await asyncio.sleep(0)
        self._busy -= 1
        if self.failing or self._rule is None:
            raise ProviderUnavailable(provider="p", cause="it was told to fail")
        return tuple(range(self._rule(text)))


class World:
    """A counter with its engine and provider."""

    def __init__(self, provider: Tokenizing, loop: SimLoop, *, resident: bool) -> None:
        self.provider, self.loop = provider, loop
        self.journal = MemoryJournal()
        self.engine = Engine(self.journal, initial(), loop)
        for fact in (STARTED, ModelDescribed(description=_description("p:m")), ManagerReconciled()):
            self.engine.submit(fact)
        if resident:
            held = Residency(
                model="p:m", digest="m", memory={RAM: 1}, provenance="", context_tokens=1, slots=1
            )
            self.engine.submit(ModelFound(model="p:m", residency=held))
        self.counter = Counter(self.engine, Directory({"p": provider}))  # type: ignore[dict-item]  # no whole provider: it has what is asked of it

    def rows(self) -> int:
        """Reports that are remembered of the model."""
        return len(self.engine.state.counting.reports.get("p:m", ()))


def counting(
    work: Callable[[World], Awaitable[None]], provider: Tokenizing, *, resident: bool = True
) -> None:
    """Run a test in virtual time."""

    async def main(loop: SimLoop) -> None:
        world = World(provider, loop, resident=resident)
        await work(world)
        world.engine.stop()

    run(main, seed=1)


def user(text: str) -> Message:
    """What somebody says."""
    return Message("user", text)


def _description(model: str) -> Description:
    return Description(
        model=model,
        digest="m",
        engine="none",
        device=RAM,
        weights_bytes=1,
        kv_bytes_per_token=0,
        context_tokens=1,
        overhead_bytes=0,
        slots=1,
        provenance="none",
    )
