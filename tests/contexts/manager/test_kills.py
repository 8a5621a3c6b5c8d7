"""Whoever is killed in the middle of something has what there was before it or what there is after it."""

import asyncio
import os
import random
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import bursar
from bursar.domain.contexts.machine import ContextState

from ...bodies.texts import killed_before
from .support import Talker, dialogue, history, run, talking, user

Deed = Callable[[bursar.ResourceManager], Awaitable[object]]
DEEDS: dict[str, Deed] = {
    "add": lambda manager: manager.add_message("talk", user("More")),
    "compress": lambda manager: manager.compress_context("talk"),
    "prune": lambda manager: manager.prune_context("talk", target_tokens=400),
    "pack": lambda manager: manager.move_to_cache("talk"),
    "restore": lambda manager: manager.restore_context("packed"),
    "forget": lambda manager: manager.forget_context("talk"),
}
#: Moments of each deed, chosen by chance among the statements it has.
KILLS = int(os.environ.get("BURSAR_CHAOS_KILLS", "3"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a context that is active and one that is packed."""
    folder = tmp_path_factory.mktemp("prepared")

    async def work() -> None:
        async with talking(folder, Talker(window=8192)) as manager:
            for name in ("talk", "packed"):
                await manager.open_context(name, model="sim:a")
                await manager.add_messages(name, dialogue(20))
            await manager.move_to_cache("packed")

    run(work)
    return folder


@pytest.mark.parametrize("deed", DEEDS)
def test_a_kill_leaves_what_was_before_or_what_is_after(tmp_path: Path, prepared: Path, deed: str) -> None:
    rng = random.Random(f"{deed} {os.environ.get('BURSAR_CHAOS_FROM', '0')}")
    before = _windows(_copy(prepared, tmp_path / "before"))
    whole = _copy(prepared, tmp_path / "after")
    assert not killed_before(100_000, _doing(whole, deed))
    possible = (before, _windows(whole))
    most, killed = 100, 0
    for number in range(KILLS):
        folder = _copy(prepared, tmp_path / str(number))
        moment = rng.randrange(1, most)
        if not killed_before(moment, _doing(folder, deed)):
            most = moment
            continue
        killed += 1
        if deed == "forget":
            _forgotten(folder, before)
        else:
            assert _windows(folder) in possible, f"killed before statement {moment}"
        history(folder)
    assert killed or most < 100


def _copy(prepared: Path, folder: Path) -> Path:
    shutil.copytree(prepared, folder)
    return folder


def _doing(folder: Path, deed: str) -> Callable[[Callable[[], None]], None]:
    async def work(begin: Callable[[], None]) -> None:
        async with talking(folder, Talker(window=8192)) as manager:
            begin()
            await DEEDS[deed](manager)

    return lambda begin: asyncio.run(work(begin))


def _windows(folder: Path) -> dict[str, list[bursar.Message]]:
    """What is sent of each context; nothing that was ever added is lost, and it can be gone on with."""
    found: dict[str, list[bursar.Message]] = {}

    async def work() -> None:
        async with talking(folder, Talker(window=8192)) as manager:
            for row in manager.contexts():
                assert row.state in (ContextState.ACTIVE, ContextState.CACHED)
                found[row.id] = await manager.messages(row.id)
                every = [await manager.message(row.id, ordinal) for ordinal in range(row.kept_messages)]
                assert every[:40] == dialogue(20)
                await manager.add_message(row.id, user("It goes on."))

    run(work)
    return found


def _forgotten(folder: Path, before: dict[str, list[bursar.Message]]) -> None:
    """It is whole, or what is left of forgetting it is done by the next call."""

    async def work() -> None:
        async with talking(folder, Talker(window=8192)) as manager:
            try:
                assert await manager.messages("talk") == before["talk"]
            except bursar.MessageDamaged:
                assert not (await manager.forget_context("talk")).again
            except bursar.NoSuchContext:
                assert (await manager.forget_context("talk")).again
            assert await manager.messages("packed") == before["packed"]

    run(work)
