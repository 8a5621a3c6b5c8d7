"""What every adapter does with an answer: streams it, ends it, and says what became of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from bursar.domain.errors import (
    ContextTooLarge,
    ModelVanished,
    ProviderTimeout,
    ProviderUnavailable,
)
from bursar.domain.ports import ChatRequest, Chunk

from .world import ENDLESS, HASTY_STREAM, HELLO, Contract, Opening


def test_an_answer_comes_in_pieces_and_ends_with_its_counts(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        await here.load()
        *pieces, last = await here.ask()
        assert len(pieces) > 1
        assert all(piece.text and not piece.done for piece in pieces)
        assert last.done and last.finish_reason in {"stop", "length"}
        assert last.prompt_tokens and last.completion_tokens
        assert 0 < last.completion_tokens <= 8
        assert last.truncation is None

    opening.run(test)


def test_answers_come_side_by_side(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        await here.load()
        answers = await asyncio.gather(*(here.ask() for _ in range(3)))
        assert all(answer[-1].done for answer in answers)

    opening.run(test)


def test_an_answer_without_counts_has_none_rather_than_nought(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        world.faults.no_usage = True
        last = (await here.ask())[-1]
        assert last.done
        assert last.prompt_tokens is None

    opening.run(test)


def test_leaving_an_answer_stops_it_at_the_provider(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        chunks = here.provider.chat(here.llm, ENDLESS)
        assert (await anext(chunks)).text
        assert _busy(here) == 1
        await chunks.aclose()
        await here.until(lambda: _busy(here) == 0)
        assert len(world.instances) == 1

    opening.run(test)


def test_cancelling_before_the_first_token_stops_it_at_the_provider(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        world.may_answer.clear()
        asking = asyncio.create_task(here.ask())
        await here.until(lambda: _busy(here) == 1)
        asking.cancel()
        await asyncio.wait({asking})
        await here.until(lambda: _busy(here) == 0)

    opening.run(test)


def test_chatting_with_what_is_not_loaded_loads_nothing(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        here.needs("load")
        if here.loads_by_itself:
            pytest.skip(f"{here.provider.name} loads what it is asked for, whatever we do")
        assert isinstance(await here.failure(here.ask()), ModelVanished)
        assert await here.provider.resident() == ()
        if here.simulated:
            assert here.simulated.world.loads == 0

    opening.run(test)


def test_a_provider_that_is_gone_is_an_error_before_the_first_token(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        await here.load()
        await here.simulator().server.stop()
        assert isinstance(await here.failure(here.ask()), (ProviderUnavailable, ModelVanished))

    opening.run(test)


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_a_connection_that_breaks_in_an_answer_is_one_error(opening: Opening, pieces: int) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        await here.load()
        simulated.world.faults.cut_after = pieces
        assert isinstance(await here.failure(here.ask()), (ProviderUnavailable, ModelVanished))
        await here.until(lambda: _busy(here) == 0)
        simulated.world.faults.cut_after = None
        assert (await here.ask())[-1].done

    opening.run(test)


@pytest.mark.parametrize("pieces", [0, 2])
def test_an_answer_that_falls_silent_is_given_up(opening: Opening, pieces: int) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        world.faults.hang_after = pieces
        assert isinstance(await here.failure(here.ask()), ProviderTimeout)
        await here.until(lambda: _busy(here) == 0)

    opening.run(test, HASTY_STREAM)


def test_a_request_that_is_never_answered_is_given_up(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        await here.load()
        simulated.world.faults.hang.add(simulated.chat)
        assert isinstance(await here.failure(here.ask()), ProviderTimeout)

    opening.run(test, HASTY_STREAM)


def test_a_model_that_is_taken_away_while_it_answers_is_one_error(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        chunks = here.provider.chat(here.llm, ENDLESS)
        assert (await anext(chunks)).text
        world.forget_all()
        failure = await here.failure(_rest(chunks))
        assert isinstance(failure, (ModelVanished, ProviderUnavailable))

    opening.run(test)


def test_junk_in_an_answer_is_an_error_and_not_text(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        world = here.simulator().world
        await here.load()
        world.faults.junk_after = (1, b"data: {nonsense\n\n{nonsense\n")
        assert isinstance(await here.failure(here.ask()), ProviderUnavailable)

    opening.run(test)


def test_a_prompt_that_does_not_fit_is_refused_or_the_cut_is_noticed(opening: Opening) -> None:
    async def test(here: Contract) -> None:
        if here.too_long is None:
            pytest.skip(f"{here.provider.name}: a prompt that does not fit would cost too much")
        await here.load()
        assert await _is_noticed(here, here.too_long)
        assert (await here.ask(HELLO))[-1].done

    opening.run(test)


async def _is_noticed(here: Contract, request: ChatRequest) -> bool:
    try:
        answer = await here.ask(request)
    except ContextTooLarge as refused:
        return refused.values["model"] == here.llm
    return answer[-1].truncation is not None


async def _rest(chunks: AsyncGenerator[Chunk, None]) -> list[Chunk]:
    async with aclosing(chunks):
        return [chunk async for chunk in chunks]


def _busy(here: Contract) -> int:
    return sum(instance.busy for instance in here.simulator().world.instances.values())
