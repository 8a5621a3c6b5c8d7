"""Texts whose events never came are deleted, and no others."""

import asyncio
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import pytest

import bursar
from bursar.contexts.sweeping import sweep_orphans
from bursar.contexts.vault import Vault
from bursar.eventstore.bodies.store import BodyStore

from .support import Talker, dialogue, run, talking

_TWO_HOURS_NS = 2 * 3600 * 10**9
_ROOT = Path(__file__).parents[3]


def test_old_texts_without_events_are_swept_and_those_with_events_are_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    before: list[bursar.Message] = []
    orphans: list[str] = []

    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(40))
            await handle.compress()
            await manager.store_pattern("greeting", "Hello {name}!")
            before.extend(await handle.messages())
        with BodyStore.open(path) as store:
            orphans.append(store.put("context/talk", "an orphan"))
        with apsw.Connection(f"{path}.blobs.db") as connection:
            connection.execute("UPDATE blob SET at = at - ?", (_TWO_HOURS_NS,))
        with BodyStore.open(path) as store:
            orphans.append(store.put("context/talk", "a young orphan, whose event may be on its way"))
        vault = Vault(str(path))
        await sweep_orphans(vault)
        get = partial(vault.do, lambda shelf: [shelf.bodies.get_many("context/talk", orphans)])
        assert (await get())[0] == [None, b"a young orphan, whose event may be on its way"]
        await vault.close()
        async with talking(tmp_path, Talker(window=8192)) as manager:
            assert await manager.messages("talk") == before
            pattern = await manager.pattern("greeting")
            assert pattern is not None
            assert pattern.text == "Hello {name}!"

    run(work)


def test_where_no_text_was_ever_kept_none_is_looked_for(tmp_path: Path) -> None:
    async def work() -> None:
        vault = Vault(str(tmp_path / "journal.db"))
        await sweep_orphans(vault)
        await vault.close()
        with pytest.raises(bursar.ManagerClosed):
            await vault.do(lambda shelf: shelf.kept)

    asyncio.run(work())
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import asyncio, os, sys
from pathlib import Path
from bursar.eventstore.bodies.store import BodyStore
from tests.contexts.manager.support import talking, user

async def main(folder):
    async with talking(folder) as manager:
        handle = await manager.open_context("talk", model="sim:a")
        await handle.add(user("kept"))
        with BodyStore.open(folder / "journal.db") as store:
            store.put("context/talk", "an orphan", durable=True)
        os._exit(9)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_what_a_killed_manager_put_is_swept_by_the_next_one(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], cwd=_ROOT, check=False)
    assert killed.returncode == 9
    blobs = str(tmp_path / "journal.db.blobs.db")
    with apsw.Connection(blobs) as connection:
        connection.execute("UPDATE blob SET at = at - ?", (_TWO_HOURS_NS,))

    async def work() -> None:
        async with talking(tmp_path) as manager:
            with closing(apsw.Connection(blobs)) as connection:
                while connection.execute("SELECT count(*) FROM blob").get > 1:
                    await manager.messages("talk")
                    await asyncio.sleep(0)
            assert [message.content for message in await manager.messages("talk")] == ["kept"]

    run(work)
