"""Long conversations: what is done costs what is new, or what is asked for, and others have their turn."""

import asyncio
import os
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import TypeVar

import pytest

from bursar.contexts.texts import Texts
from bursar.contexts.vault import Shelf, Vault
from bursar.domain.contexts import entries, spans
from bursar.domain.errors import BursarError, NoSuchContext, NoSuchPosition
from bursar.eventstore.reader import Reader
from bursar.projections.replay import state_at
from bursar.projections.windows import context_at

from .support import Talker, bodies, dialogue, run, talking, user

T = TypeVar("T")

#: `BURSAR_LONG_CONTEXT=100000` has more.
MESSAGES = int(os.environ.get("BURSAR_LONG_CONTEXT", "2000"))
_BATCH = 128
_WINDOW = 1 << 24


class Counted(Vault):
    """Counts what is asked of it."""

    jobs = 0

    async def do(self, work: Callable[[Shelf], T]) -> T:
        self.jobs += 1
        return await super().do(work)


async def _turns(until: "asyncio.Future[T]") -> tuple[int, T]:
    """How often somebody else had a turn before something was done, and what came of it."""
    turns = 0
    while not until.done():
        turns += 1
        await asyncio.sleep(0)
    return turns, until.result()


def test_a_long_conversation_is_added_to_read_and_restored_in_parts(tmp_path: Path) -> None:
    said = dialogue(MESSAGES // 2)

    async def work() -> None:
        talker = Talker(window=_WINDOW)
        async with talking(tmp_path, talker, context={"max_messages": MESSAGES + 10}) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            turns, ordinals = await _turns(asyncio.ensure_future(manager.add_messages("talk", said)))
            assert ordinals == list(range(MESSAGES))
            assert turns >= MESSAGES / _BATCH
            before = manager.state.contexts.named["talk"]
            await handle.add(user("One more"))
            after = manager.state.contexts.named["talk"]
            whole = len(before.entries) - 1
            assert all(old is new for old, new in zip(before.entries[:whole], after.entries, strict=False))
            assert after.window == ((0, MESSAGES),), "a run of ordinals is one span"

            turns, held = await _turns(asyncio.ensure_future(handle.messages()))
            assert held == [*said, user("One more")]
            assert turns >= MESSAGES / _BATCH - 1
            vault = Counted(str(tmp_path / "journal.db"))
            texts = Texts(vault)
            for jobs in (ceil((MESSAGES + 1) / _BATCH), 0):
                vault.jobs = 0
                assert await texts.read(after, spans.ordinals(after.window)) == held
                assert vault.jobs == jobs, "a batch is one look, and what is held is none"
            vault.jobs = 0
            assert len(await texts.addresses(after)) == MESSAGES + 1
            assert vault.jobs <= ceil(MESSAGES / 1024) + 1
            await vault.close()

            assert (await handle.move_to_cache()).messages == MESSAGES + 1
            restored = await handle.restore()
            assert (restored.messages, restored.lost) == (MESSAGES + 1, ())
            await handle.add(user("And another"))
        async with talking(tmp_path, talker, context={"max_messages": MESSAGES + 10}) as manager:
            assert manager.state.contexts.named["talk"].entries[:whole] == before.entries[:whole]
            assert await manager.messages("talk") == [*held, user("And another")]

    asyncio.run(work())
    assert len(bodies(tmp_path, "StateDigested")) >= MESSAGES // 1000


def test_what_is_held_is_bounded_and_the_contexts_used_last_keep_theirs(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=_WINDOW)) as manager:
            for name in ("first", "second"):
                await manager.open_context(name, model="sim:a")
                await manager.add_messages(
                    name, [user(f"{name} {number} {'x' * 500}") for number in range(20)]
                )
            first, second = (manager.state.contexts.named[name] for name in ("first", "second"))
            vault = Counted(str(tmp_path / "journal.db"))
            size = entries.at(second.entries, 0).size + 512
            texts = Texts(vault, held_max=25 * size)
            await texts.read(first, range(20))
            await texts.read(second, range(20))
            assert texts.held(["second"]) == second.size
            # Of what is older the last ones stay: they were used later.
            vault.jobs = 0
            await texts.read(second, range(20))
            await texts.read(first, (18, 19))
            assert vault.jobs == 0
            await texts.read(first, (0,))
            assert vault.jobs == 1
            assert texts.held(["first", "second", "third"]) <= 25 * size
            assert texts.drop(["second"]) > texts.held(["first"]) > 0
            assert texts.held(["second"]) == 0
            for _ in range(5):
                texts.drop(["first", "second"])
                await texts.read(first, range(20))
            assert texts.held(["first"]) == first.size, "what was let go does not count"
            tiny = Texts(vault, held_max=1)
            assert await tiny.read(first, range(3)) == (await manager.messages("first"))[:3]
            assert tiny.held(["first"]) == entries.at(first.entries, 2).size
            await vault.close()

    run(work)


def test_a_context_that_is_packed_while_somebody_adds_to_it_takes_the_message(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(20))
            for turn in range(16):
                adding = asyncio.ensure_future(handle.add(user(f"message {turn}")))
                for _ in range(turn):
                    await asyncio.sleep(0)
                packing = asyncio.ensure_future(handle.move_to_cache())
                await asyncio.gather(packing, return_exceptions=True)
                assert await adding == 40 + turn
            assert (await handle.messages())[-1] == user("message 15")

    run(work)
    assert bodies(tmp_path, "ModelCached")
    assert bodies(tmp_path, "MessageRefused") == []


def test_what_was_known_of_a_context_is_read_from_its_own_events(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=400)) as manager:
            for name in ("talk", "other"):
                await manager.open_context(name, model="sim:a")
            for message in dialogue(12):
                for name in ("talk", "other"):
                    await manager.add_message(name, message)
            await manager.forget_context("other")
            await manager.move_to_cache("talk")
            await manager.restore_context("talk")

    run(work)
    with Reader(tmp_path / "journal.db") as reader:
        head, state = reader.head(), None
        for position in range(head + 1):
            state = state_at(reader, position, state)
            for name in ("talk", "other", "nobody"):
                assert context_at(reader, name, position) == state.contexts.named.get(name)
        for position in (-1, head + 1):
            with pytest.raises(NoSuchPosition):
                context_at(reader, "talk", position)
    assert bodies(tmp_path, "ContextCompressed"), "its windows were not all the same"


def test_what_another_context_of_the_name_sent_is_not_put_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(2))
            position = manager.state.position
            await manager.forget_context("talk")
            await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(5))
            await manager.prune_context("talk", target_tokens=120)
            with pytest.raises(NoSuchContext, match=f"position {position}"):
                await manager.restore_messages("talk", to=position)
            now = manager.state.position
            with pytest.raises(BursarError):
                await manager.restore_messages("talk", to=now + 100)

    run(work)
