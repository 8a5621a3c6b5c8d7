"""How long a load is waited for, in virtual time."""

import asyncio
import json

import pytest

from bursar.adapters.providers.llamacpp.reading import Listed
from bursar.adapters.providers.llamacpp.watching import Watching
from bursar.testing.simloop import SimLoop, run

PATIENCE_S = 10


def _listed(status: str) -> Listed:
    return Listed("a", status, failed=False, exit_code=0, about=None)


def _event(model: str, **data: object) -> bytes:
    return json.dumps({"model": model, "event": "status_change", "data": data}).encode()


async def _wait(ears: Watching, looks: list[str]) -> Listed:
    async def look() -> Listed:
        return _listed(looks.pop(0) if len(looks) > 1 else looks[0])

    return await ears.until(look, lambda entry: entry.status != "loading", PATIENCE_S)


def test_without_progress_it_is_given_up_when_patience_ends() -> None:
    async def main(loop: SimLoop) -> None:
        began = loop.time()
        with pytest.raises(TimeoutError):
            await _wait(Watching("a"), ["loading"])
        assert PATIENCE_S <= loop.time() - began < PATIENCE_S + 1

    run(main, seed=1)


@pytest.mark.parametrize(
    "event", [_event("b", progress={"value": 0.5}), _event("a", status="loading"), b"{nonsense"]
)
def test_what_is_no_progress_of_this_model_buys_no_time(event: bytes) -> None:
    async def main(loop: SimLoop) -> None:
        ears = Watching("a")
        loop.call_later(PATIENCE_S - 1, ears.hear, event)
        began = loop.time()
        with pytest.raises(TimeoutError):
            await _wait(ears, ["loading"])
        assert loop.time() - began < PATIENCE_S + 1

    run(main, seed=1)


def test_progress_keeps_a_load_alive_beyond_its_time() -> None:
    async def main(loop: SimLoop) -> None:
        ears = Watching("a")
        for part in range(1, 6):
            progress = {"stages": ["text_model"], "current": "text_model", "value": part / 5}
            loop.call_later(
                part * (PATIENCE_S - 1), ears.hear, _event("a", status="loading", progress=progress)
            )
        looks = ["loading"]
        loop.call_later(5 * PATIENCE_S, looks.__setitem__, 0, "loaded")
        assert (await _wait(ears, looks)).status == "loaded"

    run(main, seed=1)


def test_an_event_makes_it_look_at_once_and_without_any_it_looks_twice_a_second() -> None:
    async def main(loop: SimLoop) -> None:
        ears = Watching("a")
        looks = ["loading"]
        loop.call_later(5, looks.__setitem__, 0, "loaded")
        began = loop.time()
        await _wait(ears, looks)
        assert loop.time() - began <= 5.5
        looks = ["loading"]
        loop.call_later(5, looks.__setitem__, 0, "loaded")
        loop.call_later(5.001, ears.hear, _event("a", status="loaded"))
        began = loop.time()
        await _wait(ears, looks)
        assert loop.time() - began < 5.01

    run(main, seed=1)


def test_looking_fails_as_it_fails() -> None:
    async def main(loop: SimLoop) -> None:
        async def look() -> Listed:
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await Watching("a").until(look, lambda entry: True, PATIENCE_S)
        assert len(asyncio.all_tasks()) == 1

    run(main, seed=1)
