"""Runs a workload through a manager, then asks the journal what happened."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..domain.errors import BursarError
from ..manager import ResourceManager
from ..opening import open as open_manager
from ..settings import Settings
from .workload import Arrival

#: Read to the models; they answer with noise whatever it says.
_TEXT = "The bursar keeps the books of the college: who asked for what, what was granted, what is left. "

Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class Outcome:
    """What the callers saw."""

    requests: int = 0
    completed: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list[str])


async def run(
    journal: Path, settings: Settings, models: Sequence[str], arrivals: Sequence[Arrival], progress: Progress
) -> Outcome:
    """Send every arrival at its time, under a memory budget that holds about half of the models."""
    async with open_manager(journal, settings) as manager:
        budget = await half_of(manager, models)
        await manager.configure(limits={"memory": budget, "max_models_loaded": len(models)})
        return await _send_all(manager, arrivals, progress)


async def half_of(manager: ResourceManager, models: Sequence[str]) -> int:
    """Bytes that hold about half of the models, and at least the largest."""
    sizes = [(await manager.describe(model)).estimate_bytes for model in models]
    return max(sum(sizes) * 55 // 100, max(sizes) * 11 // 10)


async def _send_all(manager: ResourceManager, arrivals: Sequence[Arrival], progress: Progress) -> Outcome:
    outcome = Outcome(requests=len(arrivals))
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def send(arrival: Arrival) -> None:
        await asyncio.sleep(max(0.0, start + arrival.at_s - loop.time()))
        try:
            await manager.chat(
                arrival.model,
                [{"role": "user", "content": _text(arrival.prompt_tokens)}],
                max_tokens=arrival.answer_tokens,
                agent=arrival.agent,
            )
            outcome.completed += 1
        except BursarError as error:
            outcome.failed += 1
            outcome.errors.append(f"{error.code}: {error}")
        loaded = [model.name for model in manager.state.resident()]
        progress(outcome.completed + outcome.failed, len(arrivals), ", ".join(loaded))

    async with asyncio.TaskGroup() as group:
        for arrival in arrivals:
            group.create_task(send(arrival))
    return outcome


def _text(tokens: int) -> str:
    """About as many tokens: the models' vocabulary has one for nearly every character."""
    return (_TEXT * (tokens // len(_TEXT) + 1))[:tokens]
