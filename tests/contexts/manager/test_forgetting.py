"""Forgetting while something is under way: nothing of the context comes back, and nobody waits for ever."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import bursar

from ...bodies.texts import sql
from ...cli.calling import inside
from .support import Talker, dialogue, history, run, talking, user

Deed = Callable[[bursar.ResourceManager, str], Coroutine[Any, Any, object]]
DEEDS: dict[str, Deed] = {
    "compress": lambda manager, name: manager.compress_context(name),
    "prune": lambda manager, name: manager.prune_context(name, target_tokens=300),
    "cache": lambda manager, name: manager.move_to_cache(name),
    "add": lambda manager, name: manager.add_message(name, user("More")),
    "chat": lambda manager, name: manager.chat_in(name, "More"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_under_way_with_a_forgotten_context_ends_and_leaves_nothing(
    tmp_path: Path, deed: str
) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            for turn in range(6):
                name = f"talk {turn}"
                await manager.open_context(name, model="sim:a")
                await manager.add_messages(name, dialogue(20))
                doing = asyncio.ensure_future(DEEDS[deed](manager, name))
                for _ in range(turn):
                    await asyncio.sleep(0)
                await manager.forget_context(name)
                [end] = await asyncio.gather(doing, return_exceptions=True)
                assert not isinstance(end, BaseException) or isinstance(end, bursar.BursarError), repr(end)
                assert manager.contexts() == []

    run(work)
    history(tmp_path)
    assert _texts(tmp_path) == 0


def test_what_is_forgotten_from_the_command_line_has_no_summary_made_of_it(tmp_path: Path) -> None:
    talker = Talker(window=8192)

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            await manager.open_context("talk", model="sim:a")
            await manager.chat_in("talk", "Hello")
            await manager.add_messages("talk", dialogue(20))
            talker.pause = asyncio.Event()
            compressing = asyncio.ensure_future(manager.compress_context("talk", method="model"))
            await talker.half.wait()
            path = tmp_path / "journal.db"
            done = await asyncio.to_thread(inside, "forget", "context/talk", "--yes", journal=path)
            assert done.exit_code == 0
            with pytest.raises(bursar.NoSuchContext, match="forgotten meanwhile"):
                await compressing
            talker.pause.set()
            # Each of these takes its turn at the files, and whatever went on would have had its own.
            await manager.open_context("other", model="sim:a")
            for _ in range(20):
                await manager.add_message("other", user("Hello"))
            await manager.forget_context("other")

    run(work)
    history(tmp_path)
    assert _texts(tmp_path) == 0


def _texts(folder: Path) -> int:
    [(count,)] = sql(folder / "journal.db.blobs.db", "SELECT count(*) FROM blob")
    return int(count)
