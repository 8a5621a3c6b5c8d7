"""Events as they come, and what is kept so that old ones are found."""

import asyncio
from pathlib import Path

from bursar.eventstore.reader import Reader
from bursar.eventstore.views.survey import survey

from .support import history, make_models, opened, run


def test_events_end_when_the_manager_has_closed(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")
    seen: list[int] = []

    async def work() -> None:
        async with opened(tmp_path) as manager:

            async def follow() -> None:
                seen.extend([event.position async for event in manager.events()])

            following = asyncio.create_task(follow())
            await manager.load_model("llama:a")
        await following
        assert [event.position async for event in manager.events(after=2)] == seen[2:]

    run(work)
    recorded = history(tmp_path)
    assert seen == [event.position for event in recorded]
    assert recorded[-1].body.name == "ManagerStopped"


def test_whoever_stops_following_leaves_nothing_behind(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            events = manager.events()
            assert (await anext(events)).position == 1
            await events.aclose()
            waiting = asyncio.create_task(anext(manager.events(after=manager.state.position)))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()

    run(work)


def test_the_views_are_kept_beside_a_running_manager(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:a")

    run(work)
    with Reader(tmp_path / "journal.db") as reader:
        assert [(view.name, view.state, view.lag) for view in survey(reader)] == [("index", "serving", 0)]
