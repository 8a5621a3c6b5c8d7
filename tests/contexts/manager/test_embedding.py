"""What messages mean, by the vectors of a managed model: made when a query asks for them, held in memory."""

import asyncio
import logging
from math import hypot
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.contexts import embedding, likeness
from bursar.contexts.kit import Scorer

from .support import assistant, bodies, files_with, history, run, talking, user
from .thinking import EMBEDDING, PETS, QUERY, Thinker, kept, scorers, told


@pytest.mark.parametrize(("settings", "stays"), [({}, False), (EMBEDDING, True)])
def test_what_means_the_same_in_other_words_stays(
    tmp_path: Path, settings: dict[str, Any], stays: bool
) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context={"automatic": "off", **settings}) as manager:
            assert (PETS[0] in await kept(await told(manager, agent="ann"))) is stays

    run(work)
    assert scorers(tmp_path) == ["query+sim:b general 1" if stays else "query general 1"]
    assert bool(thinker.embedded) is stays
    asked = [one for one in bodies(tmp_path, "RequestArrived") if one.purpose == "embed"]
    assert [(one.model, one.agent) for one in asked] == [("sim:b", "ann")] * len(thinker.embedded)


def test_a_message_is_embedded_once_and_a_query_once(tmp_path: Path) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            await kept(handle, tokens=70)
            assert thinker.texts.count(QUERY) == 1
            assert len(thinker.texts) == 1 + 14
            await handle.add(user("The cat is back."))
            assert "The cat is back." in await kept(handle)
            assert thinker.texts[15:] == ["The cat is back."]
            await kept(handle, "cats", tokens=50)
            assert thinker.texts[16:] == ["cats"]
            with pytest.raises(bursar.MemoryOptimizationFailed):
                await kept(handle, "cats", tokens=1)
            assert len(thinker.texts) == 17

    run(work)
    history(tmp_path)


def test_a_chat_that_selects_by_its_question_and_messages_that_are_nobodys_are_embedded(
    tmp_path: Path,
) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await manager.open_context("talk", model="sim:a", budget_tokens=100, reserve_tokens=100)
            for text in PETS:
                await manager.add_messages("talk", [user(text), assistant("I see.")])
            await handle.chat("And that feline?", select="query")
            assert user(PETS[0]) in thinker.sent[-1]
            before = len(thinker.texts)
            nobodys = [*map(user, PETS), user("Well?"), assistant("Well.")]
            given = await manager.optimize_agent_context("ann", nobodys, QUERY, 60)
            assert user(PETS[0]) in given
            assert len(given) < len(nobodys)
            assert len(thinker.texts) == before + 1 + len(nobodys)

    run(work)
    assert scorers(tmp_path)[0] == "query+sim:b general 1"


def test_by_importance_nothing_is_embedded(tmp_path: Path) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            await handle.prune(target_tokens=60)
            await manager.prune_context("talk", target_tokens=10_000, query=QUERY)

    run(work)
    assert not thinker.embedded


@pytest.mark.parametrize(
    "refusal",
    [
        bursar.Unsupported(provider="sim", what="make embeddings"),
        bursar.ProviderUnavailable(provider="sim", cause="it is out"),
        bursar.ContextTooLarge(model="b", prompt_tokens=None, context_tokens=None),
    ],
)
def test_a_model_that_makes_no_vectors_leaves_it_to_the_words_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, refusal: Exception
) -> None:
    thinker = Thinker()
    thinker.refuses = refusal

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            assert PETS[2] in await kept(handle, "When do we fly to Lisbon?", tokens=80)
            await kept(handle, "When do we fly to Lisbon?", tokens=70)
            thinker.refuses = None
            await kept(handle)
            thinker.refuses = refusal
            await kept(handle, "Lisbon", tokens=50)

    with caplog.at_level(logging.WARNING, "bursar.contexts"):
        run(work)
    assert scorers(tmp_path) == ["query general 1"] * 2 + ["query+sim:b general 1", "query general 1"]
    said = [record.getMessage() for record in caplog.records if "words alone" in record.getMessage()]
    assert len(said) == 2
    assert not any("Lisbon" in line for line in said)


@pytest.mark.parametrize("model", ["sim:nobody", "elsewhere:model"])
def test_a_model_that_nobody_has_leaves_it_to_the_words(tmp_path: Path, model: str) -> None:
    async def work() -> None:
        async with talking(tmp_path, Thinker(), context={**EMBEDDING, "embedding_model": model}) as manager:
            await kept(await told(manager))

    run(work)
    assert scorers(tmp_path) == ["query general 1"]


def test_a_model_for_which_there_is_no_room_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "_PATIENCE_S", 0.05)

    async def work() -> None:
        limits = {"idle_price": 0, "max_models_loaded": 1}
        async with talking(tmp_path, Thinker(), context=EMBEDDING, limits=limits) as manager:
            handle = await told(manager)
            async with manager.lease("sim:a"):
                await kept(handle)
            assert not manager.state.requests

    run(work)
    assert scorers(tmp_path) == ["query general 1"]
    assert bodies(tmp_path, "RequestCancelled")


def test_messages_can_be_added_while_vectors_are_made(tmp_path: Path) -> None:
    thinker = Thinker()
    thinker.hold = asyncio.Event()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            pruning = asyncio.ensure_future(kept(handle))
            await thinker.waits.wait()
            await handle.add(user("The cat is back."))
            assert thinker.hold is not None
            thinker.hold.set()
            assert {"The cat is back.", PETS[0]} < set(await pruning)

    run(work)
    assert scorers(tmp_path) == ["query+sim:b general 1"]


@pytest.mark.parametrize("by", ["reducing", "packing"])
def test_what_is_let_go_is_made_anew(tmp_path: Path, by: str) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            await kept(handle, tokens=70)
            before = len(thinker.texts)
            if by == "reducing":
                reduced = await manager.reduce_working_memory("sim:a")
                assert reduced.freed["vectors"] == 14 * 2 * 4
                assert sum(reduced.freed.values()) == reduced.before_bytes - reduced.after_bytes
                assert not (await manager.reduce_working_memory("sim:a")).freed
            else:
                await manager.move_to_cache("talk")
            left = len(await handle.messages())
            await kept(handle)
            assert len(thinker.texts) == before + left + 1

    run(work)


def test_a_forgotten_context_leaves_no_vectors_behind_not_even_those_under_way(tmp_path: Path) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            thinker.hold = asyncio.Event()
            pruning = asyncio.ensure_future(kept(handle))
            await thinker.waits.wait()
            await manager.forget_context("talk")
            thinker.hold.set()
            with pytest.raises(bursar.NoSuchContext):
                await pruning
            held = manager._contexts._embedding  # pyright: ignore[reportPrivateUsage] - nobody else tells
            assert held.held(["talk"]) == 0
            handle = await told(manager)
            before = len(thinker.texts)
            assert PETS[0] in await kept(handle)
            assert len(thinker.texts) == before + 1 + 14

    run(work)


def test_nothing_of_vectors_or_of_what_was_embedded_comes_into_the_journal(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Thinker(), context=EMBEDDING) as manager:
            await kept(await told(manager), "zebrafeline")

    run(work)
    assert files_with(tmp_path, "zebrafeline") == []
    assert files_with(tmp_path, "sofa") == []
    numbers = f"{3 / hypot(3, 1):.4f}"
    assert not any(numbers in str(event.body) or "3.0" in str(event.body) for event in history(tmp_path))


def test_texts_are_cut_to_what_the_model_takes_and_sent_a_few_at_a_time(tmp_path: Path) -> None:
    thinker = Thinker()
    thinker.longest = 600

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.add(assistant("word " * 1500))
            await manager.add_messages("talk", [user(f"{n} is it") for n in range(35)])
            await handle.add(assistant("word " * 1000))
            await manager.add_messages("talk", [user(f"{n} is it") for n in range(34)])
            await kept(handle, tokens=250)

    run(work)
    assert (thinker.refused, max(map(len, thinker.texts))) == (2, 500)
    assert [len(texts) for texts in thinker.embedded] == [1, 32, 32, 7]


def test_what_says_nothing_is_not_sent_and_counts_as_unlike(tmp_path: Path) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            await manager.add_messages("talk", [assistant(" \n"), user("Well?"), assistant("Well.")])
            assert PETS[0] in await kept(handle)
            assert all(text.strip() for text in thinker.texts)
            await kept(handle, " ", tokens=40)

    run(work)
    assert scorers(tmp_path) == ["query+sim:b general 1", "query general 1"]


def test_another_model_makes_its_own_and_none_makes_none(tmp_path: Path) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            await kept(handle, tokens=70)
            left, before = len(await handle.messages()), len(thinker.texts)
            await manager.configure(context={"embedding_model": "sim:a"})
            await kept(handle)
            assert len(thinker.texts) == before + 1 + left
            await manager.configure(context={"embedding_model": None})
            await kept(handle, tokens=50)

    run(work)
    assert scorers(tmp_path) == ["query+sim:b general 1", "query+sim:a general 1", "query general 1"]


def test_half_a_character_in_a_query_is_none(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path, Thinker(), context=EMBEDDING) as manager:
            assert PETS[0] in await kept(await told(manager), "feline \ud83d")

    run(work)
    assert scorers(tmp_path) == ["query+sim:b general 1"]


def test_vectors_of_another_length_are_made_anew(tmp_path: Path) -> None:
    thinker = Thinker()

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            handle = await told(manager)
            await kept(handle, tokens=70)
            left, before = len(await handle.messages()), len(thinker.texts)
            thinker.width = 3
            assert PETS[0] in await kept(handle, "that feline")
            assert len(thinker.texts) == before + 1 + left
            reduced = await manager.reduce_working_memory("sim:a")
            assert reduced.freed["vectors"] == (left * 3 + (14 - left) * 2) * 4

    run(work)


def test_no_more_is_held_than_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thinker = Thinker()
    monkeypatch.setattr(embedding, "_HELD_MAX", 16 * 2 * 4)

    async def work() -> None:
        async with talking(tmp_path, thinker, context=EMBEDDING) as manager:
            first, second = await told(manager, "first"), await told(manager, "second")
            await kept(first, tokens=70)
            await kept(second, tokens=70)
            # Of the first nothing is left, of the second everything.
            before = len(thinker.texts)
            await kept(second)
            assert len(thinker.texts) == before
            await kept(first)
            assert len(thinker.texts) > before + 1
            await manager.add_messages("first", [user(f"{n} more") for n in range(12)])
            await kept(first, tokens=80)

    run(work)
    assert scorers(tmp_path) == ["query+sim:b general 1"] * 4 + ["query general 1"]


def test_of_what_is_not_sent_any_more_vectors_are_held_while_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "_HELD_MAX", 16 * 2 * 4)

    async def work() -> None:
        async with talking(tmp_path, Thinker(), context=EMBEDDING) as manager:
            handle = await told(manager)
            await kept(handle)
            await manager.add_messages("talk", [user("More?"), assistant("More.")])
            await kept(handle)
            vectors = manager._contexts._embedding  # pyright: ignore[reportPrivateUsage] - nobody else tells
            assert vectors.held(["talk"]) == 16 * 2 * 4
            await manager.add_messages("talk", [user("More?")])
            sent = len(await handle.messages())
            await kept(handle, tokens=50)
            assert vectors.held(["talk"]) == sent * 2 * 4

    run(work)
    assert scorers(tmp_path) == ["query+sim:b general 1"] * 3


def test_angles_are_those_of_the_vectors_however_long() -> None:
    async def work() -> None:
        scorer = Scorer()
        unit = likeness._unit  # pyright: ignore[reportPrivateUsage] - the numbers themselves
        asked, *vectors = map(unit, [(1, 0), (2e200, 0), (0, 1e-200), (-3, 0), (0, 0)])
        assert asked is not None
        assert await likeness.Embedder(scorer).alike(asked, vectors) == [1, 0, -1, 0]
        assert await likeness.Embedder(scorer).alike(asked, [None, vectors[0], vectors[1]]) == [0.5, 1, 0]
        assert await likeness.Embedder(scorer).alike(asked, [None]) == []

    run(work)
