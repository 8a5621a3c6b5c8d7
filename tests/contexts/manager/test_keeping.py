"""What is left out comes back, what is packed is the same, and what is forgotten is gone for ever."""

import asyncio
from pathlib import Path

import apsw
import pytest

import bursar
from bursar.contexts.results import Reduced
from bursar.domain.contexts.machine import ContextState
from bursar.domain.ports import Message

from .support import Talker, bodies, dialogue, files_with, history, run, talking, user


def test_what_is_pruned_can_be_put_back_to_the_byte(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.add(Message("system", "You know all about parcels."))
            await manager.add_messages("talk", dialogue(40))
            whole = await handle.messages()
            position, size = manager.state.position, manager.contexts()[0].size_bytes
            pruned = await handle.prune(target_tokens=400)
            assert pruned.contexts == ("talk",)
            assert handle.tokens == pruned.after_tokens <= 400
            assert len(await handle.messages()) == 81 - pruned.removed_messages
            assert pruned.saved_text_bytes == size - manager.contexts()[0].size_bytes
            back = await handle.restore_messages(to=position)
            assert len(back.restored) == pruned.removed_messages
            assert await handle.messages() == whole
            # By bytes, and by a query, and some of it back.
            await handle.prune(target_bytes=size // 2, query="Where is parcel 7?")
            assert manager.contexts()[0].size_bytes <= size // 2
            left = await handle.messages()
            gone = next(n for n in range(1, 81) if whole[n] not in left)
            assert gone in (await handle.restore_messages([gone])).restored
            assert whole[gone] in await handle.messages()

    run(work)
    history(tmp_path)


def test_pruning_that_gives_up_what_must_stay_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.add({"role": "user", "content": "important " * 50, "pinned": True})
            await manager.add_messages("talk", dialogue(5))
            before = await handle.messages()
            with pytest.raises(bursar.MemoryOptimizationFailed, match="must stay"):
                await handle.prune(target_tokens=20)
            assert await handle.messages() == before
            # There is nothing to do: that is no failure.
            assert (await handle.prune(target_tokens=100_000)).contexts == ()

    run(work)


def test_older_messages_are_replaced_by_a_summary_and_come_back_for_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(40))
            whole, position = await handle.messages(), manager.state.position
            done = await handle.compress()
            assert done.ratio > 1.5
            window = await handle.messages()
            assert window[-10:] == whole[-10:]
            assert window[0].role == "user"
            assert "TR0" in window[0].content
            with pytest.raises(bursar.MemoryOptimizationFailed):
                await handle.compress()
            await handle.restore_messages(to=position)
            assert await handle.messages() == whole

    run(work)
    assert [one.method for one in bodies(tmp_path, "ContextCompressed")] == ["extractive"]


def test_a_summary_is_read_as_soon_as_it_stands_in_the_window(tmp_path: Path) -> None:
    """The state runs ahead of the journal, which names the address of its text."""

    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(40))
            compressing = asyncio.ensure_future(handle.compress())
            while not manager.context("talk").revision:
                await asyncio.sleep(0)
            assert "TR0" in (await handle.messages())[0].content
            await compressing

    run(work)


def test_all_contexts_of_a_model_are_meant_by_its_id(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            for name, model, turns in (("x", "a", 40), ("y", "a", 40), ("z", "b", 40), ("short", "a", 1)):
                await manager.open_context(name, model=f"sim:{model}")
                await manager.add_messages(name, dialogue(turns))
            assert (await manager.compress_context("sim:a")).contexts == ("x", "y")
            assert (await manager.prune_context("sim:b", target_tokens=300)).contexts == ("z",)
            assert set((await manager.move_to_cache("sim:a")).contexts) == {"x", "y", "short"}
            with pytest.raises(bursar.NoSuchContext):
                await manager.compress_context("sim:nobody")
            with pytest.raises(bursar.NoSuchContext):
                await manager.add_message("nobody", user("x"))

    run(work)


def test_what_is_packed_is_read_and_gone_on_with_as_if_it_were_not(tmp_path: Path) -> None:
    talker = Talker(window=8192)

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", agent="ann")
            await manager.add_messages("talk", dialogue(60))
            whole = await handle.messages()
            moved = await handle.move_to_cache()
            assert moved.cache_paths == ("journal.db.blobs.db#context/talk",)
            assert (moved.messages, moved.ratio > 1.5) == (120, True)
            assert handle.state is ContextState.CACHED
            assert await handle.messages() == whole
            assert (await manager.move_to_cache("talk")).contexts == ()
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk")
            assert await handle.messages() == whole
            await handle.chat("Well?")
            assert handle.state is ContextState.ACTIVE
            assert (await handle.messages())[:120] == whole
            await handle.move_to_cache()
            restored = await handle.restore()
            assert (restored.messages, restored.lost) == (122, ())

    run(work)
    first, *_ = bodies(tmp_path, "ModelCached")
    assert first.saved_bytes == first.before_bytes - first.after_bytes > 0


@pytest.mark.parametrize("deed", ["add", "chat", "messages"])
def test_who_goes_on_before_the_packing_was_even_begun_waits_for_it(tmp_path: Path, deed: str) -> None:
    """The state runs ahead of the journal, and what is decided is begun when it is written."""

    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(20))
            moving = asyncio.ensure_future(handle.move_to_cache())
            while handle.state is ContextState.ACTIVE:
                await asyncio.sleep(0)
            if deed == "add":
                assert await handle.add(user("More")) == 40
            elif deed == "chat":
                assert (await handle.chat("More")).text
            assert (await handle.messages())[:40] == dialogue(20)
            await moving

    run(work)


@pytest.mark.parametrize("deed", ["cache", "prune", "close"])
def test_what_is_asked_while_a_summary_is_made_is_done_all_the_same(tmp_path: Path, deed: str) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(40))
            compressing = asyncio.ensure_future(handle.compress())
            while handle.state is ContextState.ACTIVE:
                await asyncio.sleep(0)
            if deed == "cache":
                assert (await handle.move_to_cache()).contexts == ("talk",)
            elif deed == "prune":
                assert (await handle.prune(target_tokens=300)).after_tokens <= 300
            else:
                await handle.close()
            [end] = await asyncio.gather(compressing, return_exceptions=True)
            # Whatever was left out meanwhile, a summary of what was before that is not used.
            discarded = deed == "prune" and isinstance(end, bursar.MemoryOptimizationFailed)
            assert discarded or (isinstance(end, Reduced) and end.removed_messages > 60), repr(end)

    run(work)


def test_a_damaged_text_is_named_and_the_others_are_not_affected(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(4))
        with apsw.Connection(str(tmp_path / "journal.db.blobs.db")) as connection:
            connection.execute("UPDATE blob SET body = zeroblob(length(body)) WHERE id = 3")
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk")
            with pytest.raises(bursar.MessageDamaged) as error:
                await handle.messages()
            assert error.value.ordinal == 2
            assert (await manager.message("talk", 3)).content.startswith("Parcel 1")
            await handle.move_to_cache()
            assert (await handle.restore()).lost == (2,)
            assert len(await handle.messages()) == 7

    run(work)
    history(tmp_path)


def test_a_forgotten_context_is_gone_from_every_file_and_its_history_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            for name in ("secret", "other"):
                handle = await manager.open_context(name, model="sim:a", agent="ann")
                await manager.add_messages(name, [user(f"{name} canaryword {n}") for n in range(30)])
                await handle.compress()
            await manager.move_to_cache("secret")
            await manager.reduce_working_memory("sim:a")
            assert len(await manager.messages("secret")) == 11
            gone = await manager.forget_context("secret", because="asked to", basis="art. 17")
            assert (gone.again, gone.bodies) == (False, 31)
            again = await manager.forget_context("secret")
            assert (again.again, again.position) == (True, gone.position)
            with pytest.raises(bursar.NoSuchContext):
                await manager.messages("secret")
            with pytest.raises(bursar.NoSuchContext):
                await manager.forget_context("never was")
            # The name may be used again, and begins with nothing.
            handle = await manager.open_context("secret", model="sim:a")
            assert await handle.messages() == []
            assert (await manager.reduce_working_memory("secret")).before_bytes == 0
            await handle.add(user("a new beginning"))
            assert "other canaryword 29" in [m.content for m in await manager.messages("other")]
        async with talking(tmp_path) as manager:
            assert await manager.messages("secret") == [user("a new beginning")]

    run(work)
    [record] = bodies(tmp_path, "SubjectForgotten")
    assert (record.because, record.basis) == ("asked to", "art. 17")
    assert files_with(tmp_path, "canaryword") == []
    assert "canaryword" not in caplog.text


def test_forgetting_that_was_interrupted_is_completed_by_the_next_call(tmp_path: Path) -> None:
    from bursar.eventstore.bodies.store import BodyStore

    async def work() -> None:
        async with talking(tmp_path) as manager:
            await manager.open_context("secret", model="sim:a")
            await manager.add_messages("secret", dialogue(3))
        with BodyStore.open(tmp_path / "journal.db") as store:
            store.forget("context/secret")
        async with talking(tmp_path) as manager:
            with pytest.raises(bursar.MessageDamaged, match="forgotten"):
                await manager.messages("secret")
            gone = await manager.forget_context("secret")
            assert (gone.again, gone.bodies) == (False, 6)
            assert manager.contexts() == []

    run(work)
    assert len(bodies(tmp_path, "SubjectForgotten")) == len(bodies(tmp_path, "ContextForgotten")) == 1


def test_what_is_held_is_let_go_and_read_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await manager.add_messages("talk", dialogue(20))
            whole = await handle.messages()
            await handle.prune(target_tokens=500, query="Where is parcel 7?")
            reduced = await manager.reduce_working_memory("talk")
            assert reduced.model == "sim:a"
            assert reduced.freed.keys() == {"texts", "indexes"}
            assert reduced.after_bytes == 0 < reduced.before_bytes
            assert (await manager.reduce_working_memory("sim:a")).before_bytes == 0
            assert all(message in whole for message in await handle.messages())

    run(work)


def test_memory_is_optimised_step_by_step_as_the_strategy_says(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192), context={"idle": None}) as manager:
            for name in ("x", "y"):
                await manager.open_context(name, model="sim:a")
                await manager.add_messages(name, dialogue(40))
            await manager.optimize_memory(strategy="standard")
            assert {row.state for row in manager.contexts()} == {ContextState.ACTIVE}
            assert {row.messages for row in manager.contexts()} == {11}
            await manager.optimize_memory("sim:a", strategy="aggressive")
            assert {row.state for row in manager.contexts()} == {ContextState.CACHED}

    run(work)
    done = bodies(tmp_path, "MemoryOptimized")
    assert [(one.model, one.strategy) for one in done] == [(None, "standard"), ("sim:a", "aggressive")]


def test_a_closed_context_takes_nothing_in_and_can_be_read(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.chat("Hello")
            await handle.close()
            await handle.close()
            assert len(await handle.messages()) == 2
            for attempt in (handle.add(user("More")), handle.chat("More"), handle.chat()):
                with pytest.raises(bursar.ContextUnavailable):
                    await attempt
            with pytest.raises(bursar.ContextUnavailable):
                await manager.open_context("talk", model="sim:a")

    run(work)
