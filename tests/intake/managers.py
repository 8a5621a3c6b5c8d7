"""A manager of models that load at once, and a process that states facts to it."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import bursar
from bursar.domain.events import Event, Fact
from bursar.domain.models.values import Description, Residency
from bursar.domain.registry import encode
from bursar.eventstore.intake.submissions import Statement
from bursar.testing.simulated import SimulatedProvider, SimulatedSensor

from .programs import ROOT

#: Submits the events it reads, one on each line, and writes where each came to stand or why it did not.
TELLER = """
import json, sys
from bursar.domain.errors import BursarError
from bursar.eventstore.intake.submissions import Statement
from bursar.eventstore.intake.submitting import Submitter

with Submitter(sys.argv[1]) as submitter:
    for line in sys.stdin:
        try:
            print(*submitter.submit([Statement(**json.loads(line))], actor="ann"))
        except BursarError as error:
            print(error.code, error)
"""


class Instant(SimulatedProvider):
    """Loads and unloads without a pause."""

    async def load(self, description: Description) -> Residency:
        self.held[description.model] = self.sizes[description.model]
        return self._residency(description.model)

    async def unload(self, model: str) -> None:
        self.held.pop(model, None)


@asynccontextmanager
async def managing(path: Path) -> AsyncGenerator[tuple[bursar.ResourceManager, Instant]]:
    """A manager of two models, `sim:a` and `sim:b`, with room for one."""
    provider = Instant({"a": 100, "b": 100})
    sensor = SimulatedSensor(provider, "sim", total_bytes=1 << 30)
    settings = bursar.Settings(limits={"max_models_loaded": 1, "idle_price": 0})
    async with bursar.open(path, settings, providers={"sim": provider}, sensor=sensor) as manager:
        yield manager, provider


def statement(fact: Fact) -> Statement:
    """The fact as it is submitted."""
    data = json.loads(encode(fact))
    return Statement(fact.kind, fact.name, fact.version, fact.subject(0), data)


async def told(path: Path, *facts: Fact) -> list[str]:
    """State the facts from another process; what it was answered."""
    teller = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", TELLER, path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    lines = "".join(f"{json.dumps(statement(fact)._asdict())}\n" for fact in facts)
    answers, _ = await teller.communicate(lines.encode())
    assert teller.returncode == 0
    return answers.decode().splitlines()


async def queued(manager: bursar.ResourceManager) -> int:
    """Have one request wait for another; the position of the RequestQueued."""
    async with manager.lease("sim:a"):
        waits: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        listening = manager.on("RequestQueued", waits.set_result)
        loading = asyncio.ensure_future(manager.load_model("sim:b"))
        position = (await waits).position
        listening.cancel()
    await loading
    return position
