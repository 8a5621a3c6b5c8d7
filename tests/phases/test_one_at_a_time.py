"""An Ollama that lets every other model go for each load, as 0.12 does without a graphics card."""

import asyncio
from pathlib import Path

from bursar.domain.events import Event
from bursar.domain.models.events import EvictionPlanned, ModelLost
from bursar.domain.providers.events import ProviderObserved
from bursar.testing.provider.ollama import Switches

from .stand import Stand, running

ROUNDS = 4


def _of(history: list[Event], kind: type) -> list[Event]:
    return [event for event in history if isinstance(event.body, kind)]


def test_it_is_learnt_that_one_is_held_at_a_time_and_planned_for(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        for _ in range(ROUNDS):
            for name in ("small", "large"):
                assert (await stand.chat(name)).text
                await stand.until(lambda: stand.believed().keys() == stand.held().keys())
        await stand.at_rest()
        assert stand.world.loads == 2 * ROUNDS

    history = running(tmp_path, test, switches=Switches(version="0.12.11", max_loaded=1))
    lost = [event.body for event in _of(history, ModelLost)]
    assert [body.model for body in lost if isinstance(body, ModelLost)] == ["ollama:small", "ollama:large"]
    assert all(isinstance(body, ModelLost) and body.origin == "external" for body in lost)
    assert [body.cause_text for body in lost if isinstance(body, ModelLost)] == [
        "ollama let it go while it loaded ollama:large",
        "ollama let it go while it loaded ollama:small",
    ]
    seen = [event.body for event in _of(history, ProviderObserved)]
    assert [body.max_loaded for body in seen if isinstance(body, ProviderObserved)] == [None, 1]
    plans = [event.body for event in _of(history, EvictionPlanned)]
    assert len(plans) == 2 * ROUNDS - 3
    assert all(isinstance(body, EvictionPlanned) and body.shortfall for body in plans)


def test_many_at_once_are_all_served(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        wishes = [stand.chat(name) for name in ("small", "large") * 6]
        answers = await asyncio.gather(*wishes)
        assert all(answer.text for answer in answers)
        await stand.at_rest()

    running(tmp_path, test, switches=Switches(version="0.12.11", max_loaded=1), retry={"max_attempts": 3})
