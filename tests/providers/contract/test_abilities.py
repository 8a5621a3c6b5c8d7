"""Abilities that not every provider has: they work, or are refused, exactly as it says."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bursar.domain.errors import InvalidModelId, Unsupported

from .world import Contract, Opening

#: An ability, and what to try.
TRIALS: dict[str, Callable[[Contract], Coroutine[Any, Any, object]]] = {
    "tokenize": lambda here: here.provider.tokenize(here.llm, "Hello world"),
    "embeddings": lambda here: here.provider.embed(here.embedding or here.llm, ["one", "two"]),
    "sleep": lambda here: here.provider.sleep(here.llm),
    "kv_save": lambda here: here.provider.save_kv(here.llm, "conversation"),
}


@pytest.mark.parametrize("ability", TRIALS)
def test_an_ability_that_is_not_declared_is_refused(opening: Opening, ability: str) -> None:
    async def test(here: Contract) -> None:
        if getattr(here.provider.capabilities, ability):
            return
        failure = await here.failure(TRIALS[ability](here))
        assert isinstance(failure, Unsupported)
        assert failure.values["provider"] == here.provider.name

    opening.run(test)


def test_loading_and_unloading_are_refused_where_they_are_not_declared(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        description = await here.provider.describe(here.llm)
        if not here.provider.capabilities.load:
            assert isinstance(await here.failure(here.provider.load(description)), Unsupported)
        if not here.provider.capabilities.unload:
            assert isinstance(await here.failure(here.provider.unload(here.llm)), Unsupported)

    opening.run(test)


def test_a_longer_text_has_more_tokens(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("tokenize")
        await here.load()
        short = await here.provider.tokenize(here.llm, "Hello")
        long = await here.provider.tokenize(here.llm, "Hello world, and everybody in it")
        assert 0 < len(short) < len(long)
        assert await here.provider.tokenize(here.llm, "Hello") == short

    opening.run(test)


def test_every_text_has_its_vector(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("embeddings")
        if here.embedding is None:
            pytest.skip(f"{here.provider.name} has no embedding model here")
        await here.load(here.embedding)
        vectors = await here.provider.embed(here.embedding, ["one", "two", "three"])
        assert len(vectors) == 3
        assert len({len(vector) for vector in vectors}) == 1
        assert all(isinstance(number, float) for vector in vectors for number in vector)

    opening.run(test)


def test_a_model_that_sleeps_takes_less_and_wakes(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("sleep")
        await here.load()
        (before,) = await here.provider.resident()
        asleep = await here.provider.sleep(here.llm)
        assert asleep.asleep
        assert sum(asleep.memory.values()) <= sum(before.memory.values())
        assert (await here.provider.resident())[0].asleep
        awake = await here.provider.wake(here.llm)
        assert not awake.asleep
        assert (await here.ask())[-1].done

    opening.run(test)


def test_keys_and_values_are_saved_and_restored(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("kv_save")
        await here.load()
        await here.ask()
        saved = await here.provider.save_kv(here.llm, "conversation")
        assert saved > 0
        assert await here.provider.restore_kv(here.llm, "conversation") == saved

    opening.run(test)


def test_an_embedding_of_what_is_not_known_is_refused(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("embeddings")
        if here.knows_all:
            pytest.skip(f"{here.provider.name} knows every name")
        assert isinstance(await here.failure(here.provider.embed(here.unknown, ["x"])), InvalidModelId)

    opening.run(test)
